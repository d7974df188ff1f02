"""Checks each stored operation against its own statement: the digest, the columns, and who signed it. Reads only."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from provenance.audit.report import Difference
from provenance.core.batch import Batch
from provenance.core.encoding import Address, to_hex
from provenance.core.ledger import ChainEvent, EventKind
from provenance.core.statements import (
    Domain,
    Mint,
    Redeem,
    Revoke,
    SignedStatement,
    Statement,
    Suspend,
    Transfer,
    digest,
    recover,
)
from provenance.errors import InvalidInput
from provenance.store import projections
from provenance.store.tables import Operation, OperationStatus


@dataclass(frozen=True)
class Kept:
    """An operation's row, its statement as the text that is stored: damage may have left no JSON."""

    id: str
    kind: str
    batch_id: bytes
    index: int | None
    nonce: int | None
    digest: bytes
    status: str
    transaction_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    statement: str


def kept_operations(session: Session) -> Iterator[Kept]:
    names = [field.name for field in fields(Kept) if field.name != "statement"]
    statement = cast(Operation.statement, Text).label("statement")
    query = select(*(getattr(Operation, name) for name in names), statement)
    return (Kept(**row) for row in session.execute(query).mappings())


class Signers:
    """Who had to sign what, by the chain's events. `sound` are the batches whose stored trees may be believed."""

    def __init__(self, session: Session, domain: Domain, events: Iterable[ChainEvent], sound: set[bytes]) -> None:
        self._session, self._domain, self._sound = session, domain, sound
        self._holders: dict[tuple[bytes, int], list[Address]] = defaultdict(list)
        self._parties: dict[bytes, tuple[Address, Address]] = {}
        for event in events:
            if event.batch_id is None or event.actor is None:
                continue
            if event.kind is EventKind.TRANSFERRED and event.index is not None:
                self._holders[event.batch_id, event.index].append(event.actor)
            elif event.kind is EventKind.MINTED:
                self._parties[event.batch_id] = (event.actor, event.fields["brand"])

    def may_have(self, signer: Address, statement: Statement, batch_id: bytes) -> bool:
        """True also where nobody can tell."""
        if isinstance(statement, Mint):
            where = (self._domain.chain_id, self._domain.registry, statement.brand, signer)
            facts = (statement.root, statement.count, statement.expires_at, statement.terms_hash)
            return Batch(*where, *facts).batch_id == batch_id
        expected = self._expected(statement)
        return expected is None or expected == signer

    def _expected(self, statement: Transfer | Redeem | Revoke | Suspend) -> Address | None:
        if isinstance(statement, Revoke | Suspend):
            supplier, brand = self._parties.get(statement.batch_id, (None, None))
            return supplier if isinstance(statement, Revoke) else brand
        if statement.nonce == 0:
            kept = statement.batch_id in self._sound
            return projections.tree(self._session, statement.batch_id).public_leaf(statement.index)[0] if kept else None
        holders = self._holders[statement.batch_id, statement.index]
        return holders[statement.nonce - 1] if statement.nonce <= len(holders) else None


def differences(kept: Kept, domain: Domain, signers: Signers) -> Iterator[Difference]:
    """What the statement says against what the row says; of what the chain has included, also who signed it."""
    row = f"operations {kept.id}"
    try:
        signed = SignedStatement.parse(json.loads(kept.statement))
        message = digest(domain, signed.statement)
        signer = recover(message, signed.signature)
    except (InvalidInput, ValueError, RecursionError) as error:
        yield Difference(row, "the statement does not parse", "a signed statement", str(error)[:200])
        return
    if message != kept.digest:
        yield Difference(row, "the statement is not the one signed", to_hex(kept.digest), to_hex(message))
    elif kept.status == OperationStatus.INCLUDED and not signers.may_have(signer, signed.statement, kept.batch_id):
        yield Difference(row, "the signature is another's", "the party that had to sign", signer)
    said = _columns(signed.statement, kept.batch_id)
    if said != (kept.kind, kept.batch_id, kept.index, kept.nonce):
        yield Difference(row, "the row is about something else than its statement", str(said), str(kept))


def _columns(statement: Statement, batch_id: bytes) -> tuple[str, bytes, int | None, int | None]:
    kind = type(statement).__name__.lower()
    if isinstance(statement, Mint):
        return kind, batch_id, None, None
    if isinstance(statement, Transfer | Redeem):
        return kind, statement.batch_id, statement.index, statement.nonce
    return kind, statement.batch_id, None, None
