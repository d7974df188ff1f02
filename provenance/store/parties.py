"""What events that are no voucher's do to brands, suppliers, redeemers and batches. Used by the projector alone."""

from __future__ import annotations

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from provenance.core.encoding import parse_hex
from provenance.core.ledger import VOUCHER_KINDS, ChainEvent, EventKind
from provenance.core.voucher import State
from provenance.store import event_rows
from provenance.store import tables as t

LARGEST = 2**63 - 1
"""What a database integer holds: a quota beyond it (the chain's has 64 bits) is as good as unlimited."""


def apply(session: Session, event: ChainEvent) -> None:
    kind, fields = event.kind, event.fields
    if kind is EventKind.BRAND_ADMITTED:
        licence = parse_hex(fields["licence_hash"], 32)
        told = {"name": fields["name"], "url": fields["url"], "licence_hash": licence}
        session.merge(t.BrandState(brand=event.actor, admitted=True, **told))
    elif kind is EventKind.BRAND_SUSPENDED:
        session.get_one(t.BrandState, event.actor).admitted = False
    elif kind in (EventKind.SUPPLIER_AUTHORIZED, EventKind.SUPPLIER_WITHDRAWN):
        granted = {"quota": min(fields.get("quota", 0), LARGEST), "until": fields.get("until", 0)}
        session.merge(t.SupplierState(brand=event.actor, supplier=fields["supplier"], **granted))
    elif kind in (EventKind.REDEEMER_AUTHORIZED, EventKind.REDEEMER_WITHDRAWN):
        until = fields.get("until", 0)
        session.merge(t.RedeemerState(brand=event.actor, redeemer=fields["redeemer"], until=until))
    elif kind is EventKind.MINTED:
        _apply_mint(session, event)
    elif kind in (EventKind.SUSPENDED, EventKind.RESUMED):
        batch = session.get_one(t.BatchState, event.batch_id)
        batch.suspended, batch.suspensions = kind is EventKind.SUSPENDED, batch.suspensions + 1


def _apply_mint(session: Session, event: ChainEvent) -> None:
    fields = event.fields
    session.get_one(t.SupplierState, (fields["brand"], event.actor)).quota -= fields["count"]
    session.add(
        t.BatchState(
            batch_id=event.batch_id,
            brand=fields["brand"],
            supplier=event.actor,
            root=parse_hex(fields["root"], 32),
            count=fields["count"],
            expires_at=fields["expires_at"],
            terms_hash=parse_hex(fields["terms_hash"], 32),
            mint_transaction=event.transaction,
            mint_block=event.block_number,
            minted_at=event.timestamp,
            suspended=False,
            suspensions=0,
            held=0,
            redeemed=0,
            revoked=0,
        )
    )


def touched(session: Session, fork: int) -> set[str]:
    rows = session.scalars(select(t.Event).where(t.Event.block_number > fork, t.Event.kind.not_in(VOUCHER_KINDS)))
    brands: set[str] = set()
    for row in rows:
        if row.kind in (EventKind.SUSPENDED, EventKind.RESUMED, EventKind.MINTED):
            brands.add(session.get_one(t.BatchState, row.batch_id).brand)
        elif row.kind != EventKind.REFUSED and row.actor:
            brands.add(row.actor)
    return brands


def rebuild(session: Session, brand: str) -> None:
    """Everything about one brand again, from the events that remain. Rare: only a reorg that touched its directory."""
    ids = list(session.scalars(select(t.BatchState.batch_id).where(t.BatchState.brand == brand)))
    for table in (t.BrandState, t.SupplierState, t.RedeemerState, t.BatchState):
        session.execute(delete(table).where(table.brand == brand))
    session.expire_all()
    about_batch = and_(t.Event.batch_id.in_(ids), t.Event.index.is_(None))
    about_brand = and_(t.Event.actor == brand, t.Event.batch_id.is_(None))
    for row in session.scalars(select(t.Event).where(about_batch | about_brand).order_by(t.Event.id)):
        apply(session, event_rows.to_event(row))
        session.flush()
    count_again(session, set(ids))


def count_again(session: Session, batch_ids: set[bytes]) -> None:
    for batch_id in batch_ids:
        batch = session.get(t.BatchState, batch_id)
        if batch is None:
            continue
        query = select(t.VoucherState.state, func.count()).where(t.VoucherState.batch_id == batch_id)
        counts = {state: number for state, number in session.execute(query.group_by(t.VoucherState.state))}
        batch.held, batch.redeemed, batch.revoked = (
            counts.get(state, 0) for state in (State.HELD, State.REDEEMED, State.REVOKED)
        )
