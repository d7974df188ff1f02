"""Reads what indexing has folded: batches, vouchers, parties, the cursor."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, LargeBinary, Select, and_, bindparam, func, select, type_coerce
from sqlalchemy.orm import Session

from provenance.core.encoding import Address, address_of
from provenance.core.fingerprint import LEAF_BYTES
from provenance.core.ledger import SEALED, VoucherLine
from provenance.core.rules import OpFacts
from provenance.core.voucher import State
from provenance.errors import NotFound
from provenance.store.compiled import Lookup
from provenance.store.database import Database
from provenance.store.tables import Batch, BatchState, Block, BrandState, Cursor, RedeemerState, Tile, VoucherState
from provenance.store.tiles import LEAVES_PER_TILE, TreeReader


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
        return SEALED
    return VoucherLine(State(row.state), Address(row.holder) if row.holder else None, row.nonce)


def tree(session: Session, batch_id: bytes) -> TreeReader:
    """Raises NotFound unless we keep this batch's leaves."""
    batch = session.get(Batch, batch_id)
    if batch is None or not batch.visible:
        raise NotFound(f"no batch {batch_id.hex()} is kept here; check the id", code="unknown_batch")
    return TreeReader(session, batch_id, batch.count)


def op_facts(database: Database, batch_id: bytes, index: int, redeemer: Address | None, now: int) -> OpFacts:
    """What core.rules needs about one voucher, in one statement. `now` is the wall clock; the chain's wins if it is ahead."""
    number, place = divmod(index, LEAVES_PER_TILE)
    leaf = {"number": number, "start": place * LEAF_BYTES + 1}
    row = database.fetch(_FACTS, {"batch_id": batch_id, "index": index, "redeemer": redeemer, **leaf})
    if row is None:
        return OpFacts(False, 0, 0, False, False, 0, SEALED, None, now)
    holder = Address(row.holder) if row.holder else None
    return OpFacts(
        known=True,
        count=row.size,
        expires_at=row.expires_at,
        suspended=bool(row.suspended),
        brand_admitted=bool(row.admitted),
        redeemer_until=row.until or 0,
        line=VoucherLine(State(row.state), holder, row.nonce) if row.state else SEALED,
        claim_address=address_of(row.claim_address) if row.claim_address and index < row.size else None,
        now=max(now, row.timestamp or 0),
    )


def _facts_query() -> Select[*tuple[Any, ...]]:
    """Everything hangs on the minted batch: without it there is no row."""
    index: BindParameter[int] = bindparam("index")
    claim_address = type_coerce(func.substr(Tile.body, bindparam("start"), 20), LargeBinary).label("claim_address")
    batch = (BatchState.count.label("size"), BatchState.expires_at, BatchState.suspended)
    voucher = (VoucherState.state, VoucherState.holder, VoucherState.nonce, claim_address)
    kept = and_(Batch.batch_id == BatchState.batch_id, Batch.visible)
    leaf = and_(Tile.batch_id == Batch.batch_id, Tile.level == 0, Tile.number == bindparam("number"))
    redeemer = and_(RedeemerState.brand == BatchState.brand, RedeemerState.redeemer == bindparam("redeemer"))
    own = and_(VoucherState.batch_id == BatchState.batch_id, VoucherState.index == index)
    facts = select(*batch, *voucher, BrandState.admitted, RedeemerState.until, Cursor.timestamp)
    parties = facts.select_from(BatchState).outerjoin(BrandState, BrandState.brand == BatchState.brand)
    leaves = parties.outerjoin(RedeemerState, redeemer).outerjoin(Batch, kept).outerjoin(Tile, leaf)
    joined = leaves.outerjoin(VoucherState, own).outerjoin(Cursor, Cursor.id == 1)
    return joined.where(BatchState.batch_id == bindparam("batch_id"))


_FACTS = Lookup(_facts_query())
