"""Takes in a batch: recomputes the root from its leaves, stores it, queues the Mint. Visible whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from provenance.core.batch import Batch, canonical_terms
from provenance.core.encoding import Address, address_of, keccak
from provenance.core.fingerprint import LEAF_BYTES
from provenance.core.statements import Domain, Mint, SignedStatement, digest, recover
from provenance.errors import Conflict, Forbidden, InvalidInput, Refused
from provenance.minting import tree
from provenance.store import leases, outbox, projections, tables, tiles
from provenance.store.database import Database

ROWS_A_COMMIT = 256
"""Tiles written while other writers wait: a few megabytes, a few milliseconds."""

UPLOAD_SECONDS = 900
"""An upload that has not finished its writes by then counts as abandoned."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Submission:
    """`leaves` are count × 52 bytes (protocol 6); `sealed` gives (index, sealed content) of vouchers that have content."""

    signed: SignedStatement
    terms: dict[str, Any]
    leaves: memoryview
    sealed: Iterable[tuple[int, bytes]] = field(default_factory=tuple)


class Issuance:
    def __init__(self, database: Database, domain: Domain, clock: Callable[[], float], owner: str) -> None:
        self._database, self._domain, self._clock, self._owner = database, domain, clock, owner

    def accept(self, submission: Submission, supplier: Address | None, key_id: str) -> tables.Operation:
        """`supplier` is the caller's account. Raises InvalidInput, Forbidden or Refused before anything is stored."""
        mint = submission.signed.statement
        if not isinstance(mint, Mint):
            raise InvalidInput("this route takes a Mint", field="statement.type")
        message = digest(self._domain, mint)
        signer = recover(message, submission.signed.signature)
        if signer != supplier:
            raise Forbidden(f"{signer} signed the Mint, the API key is {supplier}'s", code="not_supplier")
        terms = _check_terms(mint, submission.terms)
        batch = self._batch(mint, signer)
        heap = _check_leaves(mint, submission.leaves)
        with self._database.read() as session:
            known = outbox.find(session, message)
            if known is not None:
                return known
            self._check_authorisation(session, mint, signer)
        self._stage(batch, terms, heap, submission)
        return self._publish(batch, outbox.Request(message, submission.signed, batch.batch_id, key_id, self._now()))

    def discard_abandoned(self) -> int:
        """Removes what uploads left that never finished. Returns how many batches."""
        with self._database.read() as session:
            stale = tables.Batch.created_at < self._now() - UPLOAD_SECONDS
            ids = list(session.scalars(select(tables.Batch.batch_id).where(~tables.Batch.visible, stale)))
        for batch_id in ids:
            self._clear(batch_id)
            with self._database.write() as session:
                session.execute(delete(tables.Batch).where(tables.Batch.batch_id == batch_id, ~tables.Batch.visible))
        return len(ids)

    def _now(self) -> int:
        return int(self._clock())

    def _batch(self, mint: Mint, supplier: Address) -> Batch:
        where = (self._domain.chain_id, self._domain.registry, mint.brand, supplier)
        return Batch(*where, mint.root, mint.count, mint.expires_at, mint.terms_hash)

    def _check_authorisation(self, session: Session, mint: Mint, supplier: Address) -> None:
        cursor = projections.cursor(session)
        now = max(self._now(), cursor.timestamp if cursor else 0)
        brand = session.get(tables.BrandState, mint.brand)
        granted = session.get(tables.SupplierState, (mint.brand, supplier))
        if brand is None or not brand.admitted:
            raise Refused(f"the brand {mint.brand} is not admitted", code="brand_not_admitted")
        if granted is None or granted.until < now:
            raise Refused(f"{mint.brand} has not authorised the supplier {supplier}", code="supplier_not_authorized")
        if granted.quota < mint.count:
            raise Refused(f"{granted.quota} vouchers are left of the quota, not {mint.count}", code="quota_exceeded")
        if mint.expires_at <= now or mint.deadline < now:
            raise Refused("the batch's expiry or the Mint's deadline has passed", code="deadline_passed")

    def _stage(self, batch: Batch, terms: str, heap: tiles.Heap, submission: Submission) -> None:
        """In short transactions, under an invisible batch. A crash here leaves rows that nobody sees and
        `discard_abandoned` removes."""
        with self._database.write() as session:
            kept = session.get(tables.Batch, batch.batch_id)
            if kept is not None and kept.visible:
                return
            if leases.acquire(session, f"upload:{batch.batch_id.hex()}", self._token(), UPLOAD_SECONDS) is None:
                raise Conflict("this batch is being uploaded already; wait for that", code="in_flight")
            if kept is None:
                session.add(_row(batch, terms, self._now()))
        self._clear(batch.batch_id)
        rows = ({"level": a, "number": b, "body": c} for a, b, c in tiles.cut(batch.count, heap, submission.leaves))
        self._insert(tables.Tile, batch.batch_id, rows)
        contents = ({"index": index, "nonce": 0, "body": body} for index, body in submission.sealed)
        self._insert(tables.SealedContent, batch.batch_id, contents)

    def _token(self) -> str:
        """One owner a request: two uploads in one process must not share the lease."""
        return f"{self._owner}:{id(object())}"

    def _insert(self, table: type[tables.Base], batch_id: bytes, rows: Iterator[dict[str, Any]]) -> None:
        for chunk in _chunks(rows):
            with self._database.write() as session:
                session.execute(insert(table), [{"batch_id": batch_id, **row} for row in chunk])

    def _clear(self, batch_id: bytes) -> None:
        with self._database.write() as session:
            for table in (tables.Tile, tables.SealedContent):
                session.execute(delete(table).where(table.batch_id == batch_id))

    def _publish(self, batch: Batch, request: outbox.Request) -> tables.Operation:
        """One transaction makes the batch visible and queues its Mint: after it, the batch is acknowledged."""
        with self._database.write("issuance.publish") as session:
            if session.get(tables.BatchState, batch.batch_id) is not None:
                raise Conflict("this batch is minted already", code="batch_taken")
            session.get_one(tables.Batch, batch.batch_id).visible = True
            return outbox.enqueue(session, request)


def _check_terms(mint: Mint, terms: dict[str, Any]) -> str:
    canonical = canonical_terms(terms)
    if keccak(canonical) != mint.terms_hash:
        raise InvalidInput("the terms do not hash to the Mint's termsHash", field="terms", code="terms_mismatch")
    return canonical.decode()


def _check_leaves(mint: Mint, leaves: memoryview) -> tiles.Heap:
    if mint.count < 1:
        raise InvalidInput("a batch has at least one voucher", field="statement.message.count")
    if len(leaves) != mint.count * LEAF_BYTES:
        detail = f"{mint.count} leaves are {mint.count * LEAF_BYTES} bytes, {len(leaves)} came; upload them again"
        raise InvalidInput(detail, field="leaves", code="leaves_mismatch")
    rows = np.frombuffer(leaves, dtype=np.uint8).reshape(mint.count, LEAF_BYTES)
    _check_addresses(rows)
    heap = tree.build(tree.leaves_of(0, rows))
    if heap[0].tobytes() != mint.root:
        raise InvalidInput("the leaves do not give the Mint's root", field="leaves", code="root_mismatch")
    return heap


def _check_addresses(rows: npt.NDArray[np.uint8]) -> None:
    """No claim address twice, none zero: whoever held one key would hold two vouchers, or nobody could."""
    heads = np.ascontiguousarray(rows[:, :8]).view(np.uint64).ravel()
    order = np.argsort(heads, kind="stable")
    same = np.flatnonzero(heads[order[1:]] == heads[order[:-1]])
    for a, b in zip(order[same], order[same + 1], strict=True):
        if np.array_equal(rows[a, :20], rows[b, :20]):
            address = address_of(rows[a, :20].tobytes())
            detail = f"vouchers {min(a, b)} and {max(a, b)} have the same claim address {address}"
            raise InvalidInput(detail, field="leaves", code="duplicate_claim_address")
    empty = np.flatnonzero(~rows[:, :20].any(axis=1))
    if empty.size:
        raise InvalidInput(f"voucher {empty[0]} has the zero claim address", field="leaves", code="zero_claim_address")


def _row(batch: Batch, terms: str, now: int) -> tables.Batch:
    return tables.Batch(
        batch_id=batch.batch_id,
        brand=batch.brand,
        supplier=batch.supplier,
        root=batch.root,
        count=batch.count,
        expires_at=batch.expires_at,
        terms_hash=batch.terms_hash,
        terms=terms,
        visible=False,
        created_at=now,
    )


def _chunks(rows: Iterator[_T]) -> Iterator[list[_T]]:
    while chunk := list(islice(rows, ROWS_A_COMMIT)):
        yield chunk
