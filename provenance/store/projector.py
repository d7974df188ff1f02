"""Folds chain events into the projections, and unfolds them again after a reorg. Used by indexing alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, and_, delete, select, tuple_
from sqlalchemy.orm import Session

from provenance.core.encoding import Address
from provenance.core.ledger import SEALED, VOUCHER_KINDS, ChainEvent, VoucherLine, fold_voucher
from provenance.core.voucher import State
from provenance.store import event_rows, parties
from provenance.store import tables as t
from provenance.store.compiled import Bulk

CHUNK = 400
"""Keys in one IN list; SQLite bears 32,766 parameters."""

Key = tuple[bytes, int]

_VOUCHER_COLUMNS = [column.name for column in t.VoucherState.__table__.columns]
_VOUCHERS = Bulk(cast(Table, t.VoucherState.__table__), _VOUCHER_COLUMNS, replace=True)


class _Folded(NamedTuple):
    line: VoucherLine
    block_number: int


def apply(session: Session, events: Sequence[ChainEvent]) -> None:
    """Events in chain order, all newer than those applied before."""
    if not events:
        return
    event_rows.insert(session, events)
    for event in events:
        if event.kind not in VOUCHER_KINDS:
            parties.apply(session, event)
    session.flush()
    _apply_to_vouchers(session, events)


def rewind(session: Session, fork: int) -> None:
    """Forget every event above block `fork` and fold the touched vouchers, batches and brands again from what remains."""
    gone = t.Event.block_number > fork
    touched = select(t.Event.batch_id, t.Event.index).where(gone, t.Event.kind.in_(VOUCHER_KINDS)).distinct()
    keys = [(row[0] or b"", row[1] or 0) for row in session.execute(touched)]
    brands = parties.touched(session, fork)
    session.execute(delete(t.Event).where(gone))
    session.execute(delete(t.Block).where(t.Block.number > fork))
    remaining = {key: _voucher_events(session, *key) for key in keys}
    folded = {key: _Folded(fold_voucher(its), its[-1].block_number) for key, its in remaining.items() if its}
    _forget(session, keys)
    _store_lines(session, folded)
    for brand in brands:
        parties.rebuild(session, brand)
    parties.count_again(session, {batch_id for batch_id, _ in keys})


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


def _voucher_events(session: Session, batch_id: bytes, index: int) -> list[ChainEvent]:
    """Without refusals: they fold to nothing, and leave no row behind."""
    return [event for event in event_rows.read(session, batch_id, index) if event.kind in VOUCHER_KINDS]


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
    """Neighbours of one batch: a range; others of one batch: a plain IN; of several: row values."""
    if len({batch_id for batch_id, _ in keys}) > 1:
        return tuple_(t.VoucherState.batch_id, t.VoucherState.index).in_(keys)
    indices = [index for _, index in keys]
    first, last = min(indices), max(indices)
    neighbours = last - first + 1 == len(set(indices))
    wanted = t.VoucherState.index.between(first, last) if neighbours else t.VoucherState.index.in_(indices)
    return and_(t.VoucherState.batch_id == keys[0][0], wanted)


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
