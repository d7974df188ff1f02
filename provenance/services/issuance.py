"""Takes in a batch: recomputes the root from its leaves, stores it, queues the Mint. Visible whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.orm import Session

from provenance.core.batch import Batch, canonical_terms
from provenance.core.encoding import ZERO_HASH, Address, address_of, keccak
from provenance.core.fingerprint import LEAF_BYTES, check_sealed_size
from provenance.core.statements import Domain, Mint, SignedStatement, digest, recover
from provenance.errors import Conflict, Forbidden, InvalidInput, Refused
from provenance.minting import tree
from provenance.store import leases, outbox, projections, tables, tiles
from provenance.store.database import Database

ROWS_A_COMMIT = 256
"""Tiles written while other writers wait: a few megabytes, a few milliseconds."""

MAX_DEPTH = 32
"""Objects and lists inside each other in the terms that are kept here."""

UPLOAD_SECONDS = 900
"""An upload that has not finished its writes by then counts as abandoned."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Lease:
    """Under which one request stages a batch."""

    name: str
    owner: str
    epoch: int


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
            known = outbox.find(session, message) or _find_pending(session, batch.batch_id)
            if known is not None:
                return known
            _check_not_minted(session, batch.batch_id)
            self._check_authorisation(session, mint, signer)
        self.discard_abandoned()
        lease = self._stage(batch, terms, heap, submission)
        request = outbox.Request(message, submission.signed, batch.batch_id, key_id, self._now())
        return self._publish(batch, request, lease)

    def discard_abandoned(self) -> int:
        """Removes what uploads left that never finished. Returns how many batches."""
        with self._database.read() as session:
            stale = tables.Batch.created_at < self._now() - UPLOAD_SECONDS
            found = session.execute(
                select(tables.Batch.batch_id, tables.Batch.created_at).where(~tables.Batch.visible, stale)
            )
            abandoned = found.all()
        for batch_id, created_at in abandoned:
            with self._database.write() as session:
                _discard(session, batch_id, tables.Batch.created_at == created_at)
        return len(abandoned)

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

    def _stage(self, batch: Batch, terms: str, heap: tiles.Heap, submission: Submission) -> _Lease | None:
        """In short transactions, under an invisible batch; None where it is kept already. A crash here leaves rows that
        nobody sees and `discard_abandoned` removes; an error removes them at once."""
        lease = self._reserve(batch, terms)
        if lease is None:
            return None
        try:
            with self._database.write() as session:
                _clear(session, batch.batch_id)
            rows = ({"level": a, "number": b, "body": c} for a, b, c in tiles.cut(batch.count, heap, submission.leaves))
            self._insert(tables.Tile, batch.batch_id, rows)
            contents = _check_sealed(submission.leaves, submission.sealed)
            self._insert(tables.SealedContent, batch.batch_id, contents)
        except BaseException:
            self._give_up(batch.batch_id, lease)
            raise
        return lease

    def _reserve(self, batch: Batch, terms: str) -> _Lease | None:
        """One owner a request: two uploads in one process must not share the lease."""
        name, owner = f"upload:{batch.batch_id.hex()}", f"{self._owner}:{secrets.token_hex(6)}"
        with self._database.write() as session:
            kept = session.get(tables.Batch, batch.batch_id)
            if kept is not None and kept.visible:
                return None
            epoch = leases.acquire(session, name, owner, UPLOAD_SECONDS)
            if epoch is None:
                raise Conflict("this batch is being uploaded already; wait for that", code="in_flight")
            if kept is None:
                session.add(_row(batch, terms, self._now()))
            else:
                kept.created_at = self._now()
        return _Lease(name, owner, epoch)

    def _give_up(self, batch_id: bytes, lease: _Lease) -> None:
        """Unless somebody else stages the batch by now: then what is there is theirs."""
        with self._database.write() as session:
            if leases.still_held(session, lease.name, lease.owner, lease.epoch):
                _discard(session, batch_id)
                leases.release(session, lease.name, lease.owner)

    def _insert(self, table: type[tables.Base], batch_id: bytes, rows: Iterator[dict[str, Any]]) -> None:
        for chunk in _chunks(rows):
            with self._database.write() as session:
                session.execute(insert(table), [{"batch_id": batch_id, **row} for row in chunk])

    def _publish(self, batch: Batch, request: outbox.Request, lease: _Lease | None) -> tables.Operation:
        """One transaction makes the batch visible and queues its Mint: after it, the batch is acknowledged."""
        with self._database.write("issuance.publish") as session:
            if lease is not None:
                if not leases.still_held(session, lease.name, lease.owner, lease.epoch):
                    raise Conflict("the upload took too long and was given up; try again", code="in_flight")
                session.get_one(tables.Batch, batch.batch_id).visible = True
                leases.release(session, lease.name, lease.owner)
            _check_not_minted(session, batch.batch_id)
            return _find_pending(session, batch.batch_id) or outbox.enqueue(session, request)


def _discard(session: Session, batch_id: bytes, *still: ColumnElement[bool]) -> None:
    """Only what nobody has published, or staged again, since it was looked at."""
    mine = delete(tables.Batch).where(tables.Batch.batch_id == batch_id, ~tables.Batch.visible, *still)
    if session.scalar(mine.returning(tables.Batch.batch_id)) is not None:
        _clear(session, batch_id)


def _clear(session: Session, batch_id: bytes) -> None:
    for table in (tables.Tile, tables.SealedContent):
        session.execute(delete(table).where(table.batch_id == batch_id))


def _find_pending(session: Session, batch_id: bytes) -> tables.Operation | None:
    """A Mint of the same batch that waits for the chain, perhaps with another deadline: only one of them can succeed."""
    waiting = tables.Operation.status.in_((tables.OperationStatus.ACCEPTED, tables.OperationStatus.SENT))
    mine = (tables.Operation.batch_id == batch_id, tables.Operation.kind == "mint")
    return session.scalar(select(tables.Operation).where(*mine, waiting))


def _check_not_minted(session: Session, batch_id: bytes) -> None:
    if session.get(tables.BatchState, batch_id) is not None:
        raise Conflict("this batch is minted already", code="batch_taken")


def _check_terms(mint: Mint, terms: dict[str, Any]) -> str:
    canonical = canonical_terms(terms)
    if keccak(canonical) != mint.terms_hash:
        raise InvalidInput("the terms do not hash to the Mint's termsHash", field="terms", code="terms_mismatch")
    _check_depth(terms)
    return canonical.decode()


def _check_depth(terms: dict[str, Any]) -> None:
    """What is kept is shown again and again, by programs that do not bear nesting without end."""
    level: list[Any] = [terms]
    for _ in range(MAX_DEPTH):
        children = (child for node in level for child in (node.values() if isinstance(node, dict) else node))
        level = [child for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise InvalidInput(f"the terms are nested more than {MAX_DEPTH} deep", field="terms")


def _check_leaves(mint: Mint, leaves: memoryview) -> tiles.Heap:
    if mint.count < 1:
        raise InvalidInput("a batch has at least one voucher", field="statement.message.count")
    if len(leaves) != mint.count * LEAF_BYTES:
        detail = f"{mint.count} leaves are {mint.count * LEAF_BYTES} bytes, {len(leaves)} came; upload them again"
        raise InvalidInput(detail, field="leaves", code="leaves_mismatch")
    rows = np.frombuffer(leaves, dtype=np.uint8).reshape(mint.count, LEAF_BYTES)
    _check_addresses(rows)
    heap = tree.of_records(rows)
    if heap[0].tobytes() != mint.root:
        raise InvalidInput("the leaves do not give the Mint's root", field="leaves", code="root_mismatch")
    return heap


def _check_addresses(rows: npt.NDArray[np.uint8]) -> None:
    """No claim address twice, none zero: whoever held one key would hold two vouchers, or nobody could. Only those that
    share their first 8 bytes with another, as honest ones do not, are compared whole."""
    heads = np.ascontiguousarray(rows[:, :8]).view(np.uint64).ravel()
    ordered = np.sort(heads)
    shared = ordered[1:][ordered[1:] == ordered[:-1]]
    alike = np.flatnonzero(np.isin(heads, shared)) if shared.size else shared
    _check_distinct(rows[:, :20], alike)
    for index in np.flatnonzero(heads == 0):
        if not rows[index, :20].any():
            detail = f"voucher {index} has the zero claim address"
            raise InvalidInput(detail, field="leaves", code="zero_claim_address")


def _check_distinct(addresses: npt.NDArray[np.uint8], some: npt.NDArray[Any]) -> None:
    words = np.ascontiguousarray(addresses[some]).view(np.uint32)
    order = np.lexsort(words.T)
    same = np.flatnonzero((words[order[1:]] == words[order[:-1]]).all(axis=1))
    if same.size:
        a, b = sorted((int(some[order[same[0]]]), int(some[order[same[0] + 1]])))
        detail = f"vouchers {a} and {b} have the same claim address {address_of(addresses[a].tobytes())}"
        raise InvalidInput(detail, field="leaves", code="duplicate_claim_address")


def _check_sealed(leaves: memoryview, sealed: Iterable[tuple[int, bytes]]) -> Iterator[dict[str, Any]]:
    """Rows of sealed contents: only for vouchers whose leaf promises content, and none longer than content can be."""
    for index, body in sealed:
        promised = bytes(leaves[index * LEAF_BYTES + 20 : (index + 1) * LEAF_BYTES])
        if not promised or promised == ZERO_HASH:
            raise InvalidInput(f"voucher {index} has no content to be sealed", field="sealed", code="sealed_mismatch")
        check_sealed_size(body, "sealed")
        yield {"index": index, "nonce": 0, "body": body}


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
