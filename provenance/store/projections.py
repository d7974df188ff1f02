"""Reads what indexing has folded: batches, vouchers, parties, the cursor."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.core.encoding import Address
from provenance.core.ledger import VoucherLine
from provenance.core.rules import OpFacts
from provenance.core.voucher import State
from provenance.errors import NotFound
from provenance.store.tables import Batch, BatchState, Block, BrandState, Cursor, RedeemerState, VoucherState
from provenance.store.tiles import TreeReader


def cursor(session: Session) -> Cursor | None:
    return session.get(Cursor, 1)


def tier(safe: int | None, finalized: int | None, block_number: int | None) -> str:
    """How settled something of this block is: accepted (in no block yet), included, safe or finalized."""
    if block_number is None or safe is None or finalized is None:
        return "accepted"
    if block_number <= finalized:
        return "finalized"
    return "safe" if block_number <= safe else "included"


def tier_at(at: Cursor | None, block_number: int | None) -> str:
    return tier(at.safe, at.finalized, block_number) if at else "accepted"


def is_indexed(session: Session, number: int, hash_: bytes) -> bool:
    """Whether the projections contain this block. Blocks below the last final one are not kept, and cannot change."""
    at = cursor(session)
    if at is None or at.number < number:
        return False
    kept = session.get(Block, number)
    return number < at.finalized if kept is None else kept.hash == hash_


def line(session: Session, batch_id: bytes, index: int) -> VoucherLine:
    """A voucher without a row is sealed: nothing has happened to it."""
    row = session.get(VoucherState, (batch_id, index))
    if row is None:
        return VoucherLine()
    return VoucherLine(State(row.state), Address(row.holder) if row.holder else None, row.nonce)


def tree(session: Session, batch_id: bytes) -> TreeReader:
    """Raises NotFound unless we keep this batch's leaves."""
    batch = session.get(Batch, batch_id)
    if batch is None or not batch.visible:
        raise NotFound(f"no batch {batch_id.hex()} is kept here; check the id", code="unknown_batch")
    return TreeReader(session, batch_id, batch.count)


def op_facts(session: Session, batch_id: bytes, index: int, redeemer: Address | None, now: int) -> OpFacts:
    """What core.rules needs about one voucher. `now` is the wall clock; the chain's wins where it is ahead."""
    batch = session.get(BatchState, batch_id)
    at = cursor(session)
    now = max(now, at.timestamp if at else 0)
    if batch is None:
        return OpFacts(False, 0, 0, False, False, 0, VoucherLine(), None, now)
    kept = session.get(Batch, batch_id)
    within = kept is not None and kept.visible and index < batch.count
    claim = TreeReader(session, batch_id, batch.count).public_leaf(index)[0] if within else None
    brand = session.get(BrandState, batch.brand)
    until = session.scalar(
        select(RedeemerState.until).where(RedeemerState.brand == batch.brand, RedeemerState.redeemer == redeemer)
    )
    return OpFacts(
        known=True,
        count=batch.count,
        expires_at=batch.expires_at,
        suspended=batch.suspended,
        brand_admitted=bool(brand and brand.admitted),
        redeemer_until=until or 0,
        line=line(session, batch_id, index),
        claim_address=claim,
        now=now,
    )
