"""What anyone may know about batches and vouchers, from the database, each with how settled it is. Writes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from provenance.core.batch import Batch as BatchFacts
from provenance.core.certificate import Certificate
from provenance.core.encoding import Address
from provenance.core.statements import Domain
from provenance.core.voucher import State, VoucherId
from provenance.errors import NotFound
from provenance.store import projections
from provenance.store.database import Database
from provenance.store.tables import Batch, BatchState, BrandState, SealedContent, VoucherState

UNKNOWN = "no such voucher is known here; check the id"


@dataclass(frozen=True)
class BatchView:
    """`tier` is accepted (not on the chain yet), included, safe or finalized; `terms` is None where we keep no leaves."""

    batch_id: bytes
    brand: str
    brand_name: str | None
    supplier: str
    root: bytes
    count: int
    expires_at: int
    terms_hash: bytes
    terms: dict[str, Any] | None
    tier: str
    mint_transaction: bytes | None
    mint_block: int | None
    minted_at: int | None
    suspended: bool
    suspensions: int
    sealed: int
    held: int
    redeemed: int
    revoked: int


@dataclass(frozen=True)
class VoucherView:
    """`holder` is None while sealed. `block` is the one up to which the chain has been read."""

    voucher_id: str
    batch_id: bytes
    index: int
    state: str
    holder: str | None
    nonce: int
    tier: str
    block: int
    expires_at: int
    suspended: bool
    brand: str
    supplier: str


class Catalogue:
    def __init__(self, database: Database, domain: Domain) -> None:
        self._database, self._domain = database, domain

    def batches(self, limit: int, after: bytes | None, before: bytes | None, supplier: str | None) -> list[BatchView]:
        """Newest first, up to `limit`. Raises NotFound for an unknown cursor."""
        query = _listing().where(Batch.visible)
        if supplier:
            query = query.where(Batch.supplier == supplier)
        with self._database.read() as session:
            newest_first = before is None
            for edge in (after, before):
                if edge is not None:
                    query = query.where(_beyond(session, edge, older=edge is after))
            order = (Batch.created_at, Batch.batch_id)
            query = query.order_by(*(column.desc() if newest_first else column.asc() for column in order)).limit(limit)
            found = [_batch_view(session, *row) for row in session.execute(query)]
        return found if newest_first else found[::-1]

    def batch(self, batch_id: bytes) -> BatchView:
        """Also a batch that is on the chain but was not uploaded here. Raises NotFound."""
        with self._database.read() as session:
            kept, state = session.get(Batch, batch_id), session.get(BatchState, batch_id)
            if state is None and not (kept and kept.visible):
                raise NotFound(f"no batch {batch_id.hex()} is known here; check the id", code="unknown_batch")
            brand = session.get(BrandState, (state or kept).brand)  # type: ignore[union-attr]  # one of them is there
            return _batch_view(session, kept, state, brand.name if brand else None)

    def voucher(self, voucher_id: VoucherId) -> VoucherView:
        """Raises NotFound alike for an unknown batch and an index beyond its end."""
        with self._database.read() as session:
            kept, state = self._facts(session, voucher_id)
            source = state or kept
            row = session.get(VoucherState, (voucher_id.batch_id, voucher_id.index))
            cursor = projections.cursor(session)
            changed = row.block_number if row else state.mint_block if state else None
            return VoucherView(
                voucher_id=str(voucher_id),
                batch_id=voucher_id.batch_id,
                index=voucher_id.index,
                state=row.state if row else State.SEALED,
                holder=row.holder if row else None,
                nonce=row.nonce if row else 0,
                tier=projections.tier(cursor, changed),
                block=cursor.number if cursor else 0,
                expires_at=source.expires_at,
                suspended=bool(state and state.suspended),
                brand=source.brand,
                supplier=source.supplier,
            )

    def certificate(self, voucher_id: VoucherId) -> Certificate:
        """Raises NotFound where the batch is not kept here or not on the chain yet."""
        with self._database.read() as session:
            kept, state = self._facts(session, voucher_id)
            if state is None:
                raise NotFound("the batch is not on the chain yet; try again in a moment", code="not_minted_yet")
            if not isinstance(kept, Batch):
                raise NotFound("the batch's leaves are not kept here; ask its supplier", code="leaves_unknown")
            tree = projections.tree(session, voucher_id.batch_id)
            address, content_hash = tree.public_leaf(voucher_id.index)
            proof = tuple(tree.proof(voucher_id.index))
            return Certificate(
                batch=self._batch_facts(kept),
                batch_id=kept.batch_id,
                terms=json.loads(kept.terms),
                mint_transaction=state.mint_transaction,
                mint_block=state.mint_block,
                index=voucher_id.index,
                claim_address=address,
                content_hash=content_hash,
                proof=proof,
            )

    def sealed_content(self, voucher_id: VoucherId) -> bytes:
        """The content as its present holder's key opens it. Raises NotFound where there is none."""
        with self._database.read() as session:
            self._facts(session, voucher_id)
            nonce = projections.line(session, voucher_id.batch_id, voucher_id.index).nonce
            row = session.get(SealedContent, (voucher_id.batch_id, voucher_id.index, nonce))
        if row is None:
            raise NotFound("no sealed content is kept for this voucher's present holder", code="no_content")
        return row.body

    def _facts(self, session: Session, voucher_id: VoucherId) -> tuple[Any, BatchState | None]:
        kept, state = session.get(Batch, voucher_id.batch_id), session.get(BatchState, voucher_id.batch_id)
        if kept is not None and not kept.visible:
            kept = None
        source = state or kept
        if source is None or voucher_id.index >= source.count:
            raise NotFound(UNKNOWN, code="unknown_voucher")
        return kept, state

    def _batch_facts(self, row: Batch) -> BatchFacts:
        where = (self._domain.chain_id, self._domain.registry, Address(row.brand), Address(row.supplier))
        return BatchFacts(*where, row.root, row.count, row.expires_at, row.terms_hash)


def _listing() -> Select[*tuple[Any, ...]]:
    joined: Select[*tuple[Any, ...]] = select(Batch, BatchState, BrandState.name)
    joined = joined.outerjoin(BatchState, BatchState.batch_id == Batch.batch_id)
    return joined.outerjoin(BrandState, BrandState.brand == Batch.brand)


def _beyond(session: Session, edge: bytes, *, older: bool) -> Any:
    created = session.scalar(select(Batch.created_at).where(Batch.batch_id == edge, Batch.visible))
    if created is None:
        raise NotFound(f"no batch {edge.hex()} to page from", code="unknown_batch")
    if older:
        return or_(Batch.created_at < created, and_(Batch.created_at == created, Batch.batch_id < edge))
    return or_(Batch.created_at > created, and_(Batch.created_at == created, Batch.batch_id > edge))


def _batch_view(session: Session, kept: Batch | None, state: BatchState | None, name: str | None) -> BatchView:
    source: Any = state or kept
    moved = (state.held, state.redeemed, state.revoked) if state else (0, 0, 0)
    return BatchView(
        batch_id=source.batch_id,
        brand=source.brand,
        brand_name=name,
        supplier=source.supplier,
        root=source.root,
        count=source.count,
        expires_at=source.expires_at,
        terms_hash=source.terms_hash,
        terms=json.loads(kept.terms) if kept else None,
        tier=projections.tier(projections.cursor(session), state.mint_block if state else None),
        mint_transaction=state.mint_transaction if state else None,
        mint_block=state.mint_block if state else None,
        minted_at=state.minted_at if state else None,
        suspended=bool(state and state.suspended),
        suspensions=state.suspensions if state else 0,
        sealed=source.count - sum(moved),
        held=moved[0],
        redeemed=moved[1],
        revoked=moved[2],
    )
