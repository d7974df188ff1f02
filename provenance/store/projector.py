"""Folds chain events into the projections, and unfolds them again after a reorg. Used by indexing alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, and_, delete, func, select, tuple_
from sqlalchemy.orm import Session

from provenance.core.encoding import Address, parse_hex
from provenance.core.ledger import SEALED, ChainEvent, EventKind, VoucherLine, fold_voucher
from provenance.core.voucher import State
from provenance.store import tables as t
from provenance.store.compiled import Bulk

VOUCHER_KINDS = (EventKind.TRANSFERRED, EventKind.REDEEMED, EventKind.REVOKED)
LARGEST = 2**63 - 1
"""What a database integer holds: a quota beyond it (the chain's has 64 bits) is as good as unlimited."""

CHUNK = 400
"""Keys in one IN list; SQLite bears 32,766 parameters."""

Key = tuple[bytes, int]

_EVENT_COLUMNS = [column.name for column in t.Event.__table__.columns if column.name != "id"]
_VOUCHER_COLUMNS = [column.name for column in t.VoucherState.__table__.columns]
_EVENTS = Bulk(cast(Table, t.Event.__table__), _EVENT_COLUMNS)
_VOUCHERS = Bulk(cast(Table, t.VoucherState.__table__), _VOUCHER_COLUMNS, replace=True)


class _Folded(NamedTuple):
    line: VoucherLine
    block_number: int


def apply(session: Session, events: Sequence[ChainEvent]) -> None:
    """Events in chain order, all newer than those applied before."""
    if not events:
        return
    _EVENTS.run(session.connection(), [_row(event) for event in events])
    for event in events:
        if event.kind not in VOUCHER_KINDS:
            _apply_to_parties(session, event)
    session.flush()
    _apply_to_vouchers(session, events)


def rewind(session: Session, fork: int) -> None:
    """Forget every event above block `fork` and fold the touched vouchers, batches and brands again from what remains."""
    gone = t.Event.block_number > fork
    touched = select(t.Event.batch_id, t.Event.index).where(gone, t.Event.kind.in_(VOUCHER_KINDS)).distinct()
    keys = [(row[0] or b"", row[1] or 0) for row in session.execute(touched)]
    brands = _touched_brands(session, fork)
    session.execute(delete(t.Event).where(gone))
    session.execute(delete(t.Block).where(t.Block.number > fork))
    remaining = {key: _voucher_events(session, *key) for key in keys}
    folded = {key: _Folded(fold_voucher(its), its[-1].block_number) for key, its in remaining.items() if its}
    _forget(session, keys)
    _store_lines(session, folded)
    for brand in brands:
        _rebuild_brand(session, brand)
    _count_again(session, {batch_id for batch_id, _ in keys})


def keep_blocks(session: Session, newest: Sequence[t.Block], finalized: int) -> None:
    """Blocks from the last final one up to the newest are kept, to tell where a reorg begins; events keep their own."""
    session.add_all(newest)
    old = delete(t.Block).where(t.Block.number < min(finalized, newest[-1].number))
    session.execute(old, execution_options={"synchronize_session": False})


def nonces(session: Session, events: Sequence[ChainEvent]) -> dict[Key, int]:
    """The transfers so far of every voucher that these events name."""
    keys = list({(event.batch_id or b"", event.index or 0) for event in events})
    known = _load_lines(session, keys)
    return {key: known[key].nonce if key in known else 0 for key in keys}


def read_events(session: Session, batch_id: bytes, index: int | None = None) -> list[ChainEvent]:
    """A batch's own events, or one voucher's, in chain order."""
    where = (t.Event.batch_id == batch_id, t.Event.index.is_(None) if index is None else t.Event.index == index)
    return [to_event(row) for row in session.scalars(select(t.Event).where(*where).order_by(t.Event.id))]


def _voucher_events(session: Session, batch_id: bytes, index: int) -> list[ChainEvent]:
    """Without refusals: they fold to nothing, and leave no row behind."""
    return [event for event in read_events(session, batch_id, index) if event.kind in VOUCHER_KINDS]


def to_event(row: t.Event) -> ChainEvent:
    return ChainEvent(
        kind=EventKind(row.kind),
        block_number=row.block_number,
        block_hash=row.block_hash,
        timestamp=row.timestamp,
        transaction=row.transaction_hash,
        log_index=row.log_index,
        batch_id=row.batch_id,
        index=row.index,
        actor=Address(row.actor) if row.actor else None,
        fields=row.fields,
    )


def _row(event: ChainEvent) -> tuple[Any, ...]:
    """In the order of _EVENTS."""
    return (
        event.block_number,
        event.block_hash,
        event.timestamp,
        event.transaction,
        event.log_index,
        str(event.kind),
        event.batch_id,
        event.index,
        event.actor,
        json.dumps(event.fields) if event.fields else "{}",
    )


# ---------------------------------------------------------------------------------------------- vouchers


def _apply_to_vouchers(session: Session, events: Sequence[ChainEvent]) -> None:
    mine: dict[Key, list[ChainEvent]] = defaultdict(list)
    for event in events:
        if event.kind in VOUCHER_KINDS and event.batch_id is not None and event.index is not None:
            mine[event.batch_id, event.index].append(event)
    before = _load_lines(session, list(mine))
    after: dict[Key, _Folded] = {}
    for key, its_events in mine.items():
        line = fold_voucher(its_events, before.get(key, SEALED))
        after[key] = _Folded(line, its_events[-1].block_number)
    _store_lines(session, after)
    _shift_counts(session, before, {key: folded.line for key, folded in after.items()})


def _load_lines(session: Session, keys: Sequence[Key]) -> dict[Key, VoucherLine]:
    found = {}
    for rows in (session.scalars(select(t.VoucherState).where(_among(part))) for part in _parts(keys)):
        for row in rows:
            holder = Address(row.holder) if row.holder else None
            found[row.batch_id, row.index] = VoucherLine(State(row.state), holder, row.nonce)
    return found


def _store_lines(session: Session, lines: dict[Key, _Folded]) -> None:
    rows = [(*key, str(line.state), line.holder, line.nonce, block) for key, (line, block) in lines.items()]
    _VOUCHERS.run(session.connection(), rows)


def _forget(session: Session, keys: Sequence[Key]) -> None:
    for part in _parts(keys):
        session.execute(delete(t.VoucherState).where(_among(part)), execution_options={"synchronize_session": False})


def _among(keys: Sequence[Key]) -> Any:
    """One batch: a plain IN; several: row values."""
    if len({batch_id for batch_id, _ in keys}) == 1:
        return and_(t.VoucherState.batch_id == keys[0][0], t.VoucherState.index.in_([i for _, i in keys]))
    return tuple_(t.VoucherState.batch_id, t.VoucherState.index).in_(keys)


def _parts(keys: Sequence[Key]) -> list[Sequence[Key]]:
    return [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]


def _shift_counts(session: Session, before: dict[Key, VoucherLine], after: dict[Key, VoucherLine]) -> None:
    shifts: dict[bytes, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, line in after.items():
        shifts[key[0]][before.get(key, SEALED).state] -= 1
        shifts[key[0]][line.state] += 1
    for batch_id, shift in shifts.items():
        batch = session.get_one(t.BatchState, batch_id)
        batch.held += shift[State.HELD]
        batch.redeemed += shift[State.REDEEMED]
        batch.revoked += shift[State.REVOKED]


def _count_again(session: Session, batch_ids: set[bytes]) -> None:
    for batch_id in batch_ids:
        batch = session.get(t.BatchState, batch_id)
        if batch is None:
            continue
        query = select(t.VoucherState.state, func.count()).where(t.VoucherState.batch_id == batch_id)
        counts = {state: number for state, number in session.execute(query.group_by(t.VoucherState.state))}
        batch.held, batch.redeemed, batch.revoked = (
            counts.get(state, 0) for state in (State.HELD, State.REDEEMED, State.REVOKED)
        )


# ---------------------------------------------------------------------------------------------- parties and batches


def _apply_to_parties(session: Session, event: ChainEvent) -> None:
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


def _touched_brands(session: Session, fork: int) -> set[str]:
    rows = session.scalars(select(t.Event).where(t.Event.block_number > fork, t.Event.kind.not_in(VOUCHER_KINDS)))
    brands: set[str] = set()
    for row in rows:
        if row.kind in (EventKind.SUSPENDED, EventKind.RESUMED, EventKind.MINTED):
            brands.add(session.get_one(t.BatchState, row.batch_id).brand)
        elif row.kind != EventKind.REFUSED and row.actor:
            brands.add(row.actor)
    return brands


def _rebuild_brand(session: Session, brand: str) -> None:
    """Everything about one brand again, from the events that remain. Rare: only a reorg that touched its directory."""
    ids = list(session.scalars(select(t.BatchState.batch_id).where(t.BatchState.brand == brand)))
    for table in (t.BrandState, t.SupplierState, t.RedeemerState, t.BatchState):
        session.execute(delete(table).where(table.brand == brand))
    session.expire_all()
    about_batch = and_(t.Event.batch_id.in_(ids), t.Event.index.is_(None))
    about_brand = and_(t.Event.actor == brand, t.Event.batch_id.is_(None))
    for row in session.scalars(select(t.Event).where(about_batch | about_brand).order_by(t.Event.id)):
        _apply_to_parties(session, to_event(row))
        session.flush()
    _count_again(session, set(ids))
