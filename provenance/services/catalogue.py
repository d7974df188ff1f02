"""What anyone may know about batches and vouchers, from the database, each with how settled it is. Writes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import BindParameter, Row, Select, and_, bindparam, func, literal, or_, select
from sqlalchemy.orm import Session

from provenance.core.batch import Batch as BatchFacts
from provenance.core.certificate import Certificate
from provenance.core.encoding import Address
from provenance.core.statements import Domain
from provenance.core.voucher import State, VoucherId
from provenance.errors import NotFound
from provenance.store import projections
from provenance.store.compiled import Lookup
from provenance.store.database import Database
from provenance.store.tables import Batch, BatchState, BrandState, Cursor, SealedContent, VoucherState
from provenance.store.tiles import TreeReader

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
        """One statement. Raises NotFound alike for an unknown batch and an index beyond its end."""
        row = self._database.fetch(_ONE_VOUCHER, {"batch_id": voucher_id.batch_id, "index": voucher_id.index})
        if row is None or voucher_id.index >= row.size:
            raise NotFound(UNKNOWN, code="unknown_voucher")
        changed = row.block_number if row.block_number is not None else row.mint_block
        return VoucherView(
            voucher_id=str(voucher_id),
            batch_id=voucher_id.batch_id,
            index=voucher_id.index,
            state=row.state or State.SEALED,
            holder=row.holder,
            nonce=row.nonce or 0,
            tier=projections.tier(row.safe, row.finalized, changed),
            block=row.number,
            expires_at=row.expires_at,
            suspended=bool(row.suspended),
            brand=row.brand,
            supplier=row.supplier,
        )

    def certificate(self, voucher_id: VoucherId) -> tuple[Certificate, bool]:
        """The certificate, and whether its mint is final, so that it will never change. Two statements, whatever the size.

        Raises NotFound where the batch is not kept here or not on the chain yet."""
        with self._database.read() as session:
            row = session.execute(_MINTED, {"batch_id": voucher_id.batch_id}).one_or_none()
            if row is None:
                self._explain_absence(session, voucher_id)
            if voucher_id.index >= row.size:
                raise NotFound(UNKNOWN, code="unknown_voucher")
            tree = TreeReader(session, voucher_id.batch_id, row.size)
            proof = tuple(tree.proof(voucher_id.index))
            address, content_hash = tree.public_leaf(voucher_id.index)
        certificate = Certificate(
            batch=self._batch_facts(row),
            batch_id=voucher_id.batch_id,
            terms=json.loads(row.terms),
            mint_transaction=row.mint_transaction,
            mint_block=row.mint_block,
            index=voucher_id.index,
            claim_address=address,
            content_hash=content_hash,
            proof=proof,
        )
        return certificate, projections.tier(row.safe, row.finalized, row.mint_block) == "finalized"

    def sealed_content(self, voucher_id: VoucherId) -> bytes:
        """The content as its present holder's key opens it. Raises NotFound where there is none."""
        with self._database.read() as session:
            row = session.execute(_VOUCHER, {"batch_id": voucher_id.batch_id, "index": voucher_id.index}).one_or_none()
            if row is None or voucher_id.index >= row.size:
                raise NotFound(UNKNOWN, code="unknown_voucher")
            sealed = session.get(SealedContent, (voucher_id.batch_id, voucher_id.index, row.nonce or 0))
        if sealed is None:
            raise NotFound("no sealed content is kept for this voucher's present holder", code="no_content")
        return sealed.body

    def _explain_absence(self, session: Session, voucher_id: VoucherId) -> NoReturn:
        row = session.execute(_VOUCHER, {"batch_id": voucher_id.batch_id, "index": voucher_id.index}).one_or_none()
        if row is None or voucher_id.index >= row.size:
            raise NotFound(UNKNOWN, code="unknown_voucher")
        if row.mint_block is None:
            raise NotFound("the batch is not on the chain yet; try again in a moment", code="not_minted_yet")
        raise NotFound("the batch's leaves are not kept here; ask its supplier", code="leaves_unknown")

    def _batch_facts(self, row: Row[Any]) -> BatchFacts:
        where = (self._domain.chain_id, self._domain.registry, Address(row.brand), Address(row.supplier))
        return BatchFacts(*where, row.root, row.size, row.expires_at, row.terms_hash)


def _voucher_query() -> Select[*tuple[Any, ...]]:
    """A voucher is known where its batch is kept or minted; its own row is there only when something happened to it."""
    batch_id: BindParameter[bytes] = bindparam("batch_id")
    index: BindParameter[int] = bindparam("index")
    one = select(literal(1).label("one")).subquery()
    kept = and_(Batch.batch_id == batch_id, Batch.visible)
    moved = and_(VoucherState.batch_id == batch_id, VoucherState.index == index)
    facts = [func.coalesce(getattr(BatchState, n), getattr(Batch, n)).label(_label(n)) for n in _SHARED]
    state = (BatchState.mint_block, BatchState.suspended)
    own = (VoucherState.state, VoucherState.holder, VoucherState.nonce, VoucherState.block_number)
    at = (func.coalesce(Cursor.number, 0).label("number"), Cursor.safe, Cursor.finalized)
    joined = select(*facts, *state, *own, *at).select_from(one).outerjoin(Cursor, Cursor.id == 1)
    joined = joined.outerjoin(BatchState, BatchState.batch_id == batch_id).outerjoin(Batch, kept)
    return joined.outerjoin(VoucherState, moved).where(or_(BatchState.count.is_not(None), Batch.count.is_not(None)))


def _minted_query() -> Select[*tuple[Any, ...]]:
    """A batch that is kept here and on the chain."""
    facts = [getattr(Batch, name).label(_label(name)) for name in (*_SHARED, "root", "terms_hash", "terms")]
    minted = (BatchState.mint_transaction, BatchState.mint_block, Cursor.safe, Cursor.finalized)
    joined = (
        select(*facts, *minted).join(BatchState, BatchState.batch_id == Batch.batch_id).join(Cursor, Cursor.id == 1)
    )
    return joined.where(Batch.batch_id == bindparam("batch_id"), Batch.visible)


def _label(name: str) -> str:
    """A result row is a tuple, whose own `count` would hide the column's."""
    return "size" if name == "count" else name


_SHARED = ("brand", "supplier", "count", "expires_at")
_VOUCHER, _MINTED = _voucher_query(), _minted_query()  # built once: building costs more than running
_ONE_VOUCHER = Lookup(_VOUCHER)


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
        tier=projections.tier_at(projections.cursor(session), state.mint_block if state else None),
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
