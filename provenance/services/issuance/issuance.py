"""Takes in a batch: recomputes the root from its leaves, stores it, queues the Mint. Visible whole or not at all.

A batch that is on the chain already, but without its leaves here (its supplier minted it by itself, or our database was lost
and indexed anew), is taken in as well: its Mint counts as included.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.core.batch import Batch
from provenance.core.encoding import Address
from provenance.core.ledger import EventKind
from provenance.core.statements import Domain, Mint, digest, recover
from provenance.errors import Conflict, Forbidden, InvalidInput, Refused
from provenance.services.issuance import staging
from provenance.services.issuance.staging import Lease, Staging
from provenance.services.issuance.upload import Submission, check_leaves, check_terms
from provenance.store import outbox, projections, tables
from provenance.store.database import Database


class Issuance:
    def __init__(self, database: Database, domain: Domain, clock: Callable[[], float], owner: str) -> None:
        self._database, self._domain, self._clock = database, domain, clock
        self._staging = Staging(database, clock, owner)

    def accept(self, submission: Submission, supplier: Address | None, key_id: str) -> tables.Operation:
        """`supplier` is the caller's account. Raises InvalidInput, Forbidden or Refused before anything is stored."""
        mint = submission.signed.statement
        if not isinstance(mint, Mint):
            raise InvalidInput("this route takes a Mint", field="statement.type")
        message = digest(self._domain, mint)
        signer = recover(message, submission.signed.signature)
        if signer != supplier:
            raise Forbidden(f"{signer} signed the Mint, the API key is {supplier}'s", code="not_supplier")
        terms = check_terms(mint, submission.terms)
        batch = self._batch(mint, signer)
        heap = check_leaves(mint, submission.leaves)
        with self._database.read() as session:
            known = outbox.find(session, message) or _find_pending(session, batch.batch_id)
            if known is not None:
                return known
            if _find_mint(session, batch.batch_id) is None:
                self._check_authorisation(session, mint, signer)
        self._staging.discard_abandoned()
        lease = self._staging.stage(batch, terms, heap, submission)
        request = outbox.Request(message, submission.signed, batch.batch_id, key_id, self._now())
        return self._publish(batch, request, lease)

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

    def _publish(self, batch: Batch, request: outbox.Request, lease: Lease | None) -> tables.Operation:
        """One transaction makes the batch visible and queues its Mint: after it, the batch is acknowledged. Indexing, which
        moves the cursor with all that it writes, waits meanwhile: what the chain says of the Mint must not change."""
        with self._database.write("issuance.publish") as session:
            session.get(tables.Cursor, 1, with_for_update=True)
            event = _find_mint(session, batch.batch_id)
            if lease is not None:
                staging.publish(session, batch.batch_id, lease)
            elif event is not None:
                raise Conflict("this batch is minted and its leaves are kept already", code="batch_taken")
            operation = _find_pending(session, batch.batch_id) or outbox.enqueue(session, request)
            return operation if event is None else outbox.include(session, operation.id, event)


def _find_pending(session: Session, batch_id: bytes) -> tables.Operation | None:
    """A Mint of the same batch that waits for the chain, perhaps with another deadline: only one of them can succeed."""
    waiting = tables.Operation.status.in_((tables.OperationStatus.ACCEPTED, tables.OperationStatus.SENT))
    mine = (tables.Operation.batch_id == batch_id, tables.Operation.kind == "mint")
    return session.scalar(select(tables.Operation).where(*mine, waiting))


def _find_mint(session: Session, batch_id: bytes) -> tables.Event | None:
    about_batch = (tables.Event.batch_id == batch_id, tables.Event.index.is_(None))
    return session.scalar(select(tables.Event).where(*about_batch, tables.Event.kind == EventKind.MINTED))
