"""What the operations say became of them, against the chain's events, both ways. Reads only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.audit.operations import Kept
from provenance.audit.report import Difference
from provenance.chain import reads
from provenance.chain.rpc import Rpc
from provenance.chain.wire import Transaction
from provenance.core.encoding import Address, to_hex
from provenance.core.ledger import ChainEvent, EventKind
from provenance.core.voucher import VoucherId
from provenance.errors import RpcError
from provenance.store import tables
from provenance.store.tables import OperationStatus

KINDS = {
    EventKind.MINTED: "mint",
    EventKind.TRANSFERRED: "transfer",
    EventKind.REDEEMED: "redeem",
    EventKind.REVOKED: "revoke",
    EventKind.SUSPENDED: "suspend",
    EventKind.RESUMED: "suspend",
}
"""The events that somebody's statement leads to."""
WAITING = (OperationStatus.ACCEPTED, OperationStatus.SENT)
ASKED_AT_ONCE = 100

Key = tuple[str, bytes | None, int | None, bytes]
"""(kind of operation, batch id, index, hash of its transaction)"""


class Outcomes:
    """What the chain says happened. Of a revocation only some vouchers may have been executed, or none."""

    def __init__(self, events: Iterable[ChainEvent], kept: Sequence[Kept]) -> None:
        self._events = [event for event in events if event.kind in KINDS or event.kind is EventKind.REFUSED]
        self._places = {(event.transaction, event.block_number, event.block_hash) for event in self._events}
        self._transactions = {event.transaction for event in self._events}
        self._keys = {_key(event) for event in self._events if event.kind in KINDS}
        self._refused = {event.transaction for event in self._events if event.kind is EventKind.REFUSED}
        moved = [event for event in self._events if event.kind is EventKind.TRANSFERRED]
        self._nonces = Counter((event.batch_id, event.index) for event in moved)
        self._spent = {(event.batch_id, event.index) for event in self._events if event.kind is EventKind.REDEEMED}
        self._executed = _executed(self._events)
        self._said = [row for row in kept if row.status == OperationStatus.INCLUDED]
        self._told = {(row.batch_id, row.index, row.nonce) for row in self._said}

    def of(self, kept: Kept) -> Iterator[Difference]:
        """Where the operation's row and the chain disagree about what became of it."""
        row, hash_ = f"operations {kept.id}", kept.transaction_hash
        place = (hash_, kept.block_number, kept.block_hash)
        if hash_ is not None and place not in self._places:
            yield Difference(row, "its transaction has no event on the chain", "an event", _show(place))
        elif kept.status == OperationStatus.INCLUDED and not self._happened(kept):
            yield Difference(row, "it is said to have happened", "an event of its own", _show(place))
        elif kept.status == OperationStatus.REFUSED and self._was_executed(kept):
            yield Difference(row, "it happened, whoever carried it", OperationStatus.INCLUDED, kept.status)
        elif kept.status in WAITING and self._is_over(kept):
            detail = "it waits for a nonce that was used up"
            yield Difference(row, detail, OperationStatus.INCLUDED, kept.status)

    def _happened(self, kept: Kept) -> bool:
        hash_ = kept.transaction_hash or b""
        if kept.kind == "revoke" and hash_ in self._refused:
            return True
        return (kept.kind, kept.batch_id, kept.index, hash_) in self._keys

    def _was_executed(self, kept: Kept) -> bool:
        """The chain did what it asks for, and no other operation says that it was the one."""
        voucher = (kept.batch_id, kept.index, kept.nonce)
        party = _party(kept)
        return party is not None and voucher not in self._told and self._executed.get(voucher) == (kept.kind, party)

    def _is_over(self, kept: Kept) -> bool:
        voucher = (kept.batch_id, kept.index)
        return kept.nonce is not None and (kept.nonce < self._nonces[voucher] or voucher in self._spent)

    def without_operation(self, session: Session, relayer: Address | None, rpc: Rpc) -> Iterator[Difference]:
        """Events that a transaction of ours has caused, and of which no operation says that it did."""
        lost = self._untold()
        ours = {
            *session.scalars(select(tables.Transaction.signer)),
            *session.scalars(select(tables.Sender.signer)),
            relayer,
        }
        for transaction in _sent_by(rpc, list(lost), ours):
            event, batch_id = lost[transaction], lost[transaction].batch_id or b""
            subject = batch_id.hex() if event.index is None else str(VoucherId(batch_id, event.index))
            detail = "no operation says that it caused this event of ours"
            yield Difference("operations", detail, f"{event.kind} of {subject} in {to_hex(transaction)}", "nothing")

    def _untold(self) -> dict[bytes, ChainEvent]:
        """By transaction. An operation whose transaction does not exist is named already; its event is not named again."""
        known = {_of(row) for row in self._said}
        misplaced = {_of(row)[:3] for row in self._said if row.transaction_hash not in self._transactions}
        caused = [event for event in self._events if event.kind in KINDS and _key(event) not in known]
        return {event.transaction: event for event in caused if _key(event)[:3] not in misplaced}


def _sent_by(rpc: Rpc, transactions: Sequence[bytes], senders: set[Address | str | None]) -> Iterator[bytes]:
    """Of these, the ones that one of `senders` has signed. Anybody may carry a statement to the chain."""
    for start in range(0, len(transactions), ASKED_AT_ONCE):
        part = transactions[start : start + ASKED_AT_ONCE]
        for hash_, found in zip(part, _ask(rpc, part), strict=True):
            if isinstance(found, RpcError):
                raise found
            if found is not None and found.sender in senders:
                yield hash_


def _executed(events: Iterable[ChainEvent]) -> dict[tuple[bytes | None, int | None, int | None], tuple[str, Address]]:
    """(batch id, index, nonce) -> what used the nonce up, and for whom."""
    nonces: Counter[tuple[bytes | None, int | None]] = Counter()
    found: dict[tuple[bytes | None, int | None, int | None], tuple[str, Address]] = {}
    for event in events:
        voucher = (event.batch_id, event.index)
        if event.kind in (EventKind.TRANSFERRED, EventKind.REDEEMED) and event.actor:
            found[(*voucher, nonces[voucher])] = (KINDS[event.kind], event.actor)
            nonces[voucher] += event.kind is EventKind.TRANSFERRED
    return found


def _party(kept: Kept) -> str | None:
    """The recipient or redeemer that the statement names; None where it cannot be read, which is another check's to say."""
    try:
        message = json.loads(kept.statement)["message"]
        return str(message[{"transfer": "to", "redeem": "redeemer"}[kept.kind]])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _ask(rpc: Rpc, transactions: Sequence[bytes]) -> list[Transaction | RpcError | None]:
    wanted: list[reads.Read[Transaction | None]] = [reads.transaction(hash_) for hash_ in transactions]
    return [*rpc.batch(wanted)]


def _key(event: ChainEvent) -> Key:
    kind = KINDS[event.kind]
    index = event.index if kind in ("transfer", "redeem") else None
    return kind, event.batch_id, index, event.transaction


def _of(kept: Kept) -> Key:
    return kept.kind, kept.batch_id, kept.index, kept.transaction_hash or b""


def _show(place: tuple[bytes | None, int | None, bytes | None]) -> str:
    hash_, number, _ = place
    return f"{to_hex(hash_ or b'')} in block {number}"
