"""The events of the chain as they were indexed: a voucher's life, and the auditor's queries. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from provenance.core.voucher import VoucherId
from provenance.store import projections
from provenance.store.database import Database
from provenance.store.tables import Deployment, Event

PAGE = 1000


@dataclass(frozen=True)
class EventFilter:
    """Each None matches everything; blocks and times (Unix seconds) are inclusive."""

    batch_id: bytes | None = None
    index: int | None = None
    kind: str | None = None
    actor: str | None = None
    from_block: int | None = None
    to_block: int | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        equal = {Event.batch_id: self.batch_id, Event.index: self.index, Event.kind: self.kind, Event.actor: self.actor}
        where: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
        for column, least, most in (
            (Event.block_number, self.from_block, self.to_block),
            (Event.timestamp, self.since, self.until),
        ):
            where += [column >= least] if least is not None else []
            where += [column <= most] if most is not None else []
        return where


@dataclass(frozen=True)
class EventView:
    id: int
    kind: str
    voucher_id: str | None
    batch_id: bytes | None
    index: int | None
    actor: str | None
    fields: dict[str, Any]
    block_number: int
    block_hash: bytes
    timestamp: int
    transaction: bytes
    log_index: int
    tier: str


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    def first_block(self) -> int:
        """Where the registry's events begin, as indexing pinned it; 0 where nothing was indexed yet."""
        with self._database.read() as session:
            pinned = session.get(Deployment, 1)
        return pinned.block_number if pinned else 0

    def of_voucher(self, voucher_id: VoucherId) -> list[EventView]:
        """Oldest first, beginning with the batch's mint. Empty for a voucher whose batch is not on the chain."""
        with self._database.read() as session:
            cursor = projections.cursor(session)
            of_batch = select(Event).where(Event.batch_id == voucher_id.batch_id)
            parts = (of_batch.where(Event.index == voucher_id.index), of_batch.where(Event.index.is_(None)))
            found = [
                row for part in parts for row in session.scalars(part)
            ]  # an OR would read the whole batch's history
            found.sort(key=lambda row: row.id)
            return [_view(row, projections.tier_at(cursor, row.block_number)) for row in found]

    def events(self, wanted: EventFilter, limit: int, after: int | None, before: int | None) -> list[EventView]:
        """Newest first; `after` and `before` are event ids to page from (older than, newer than)."""
        query = select(Event).where(*wanted.conditions()).limit(limit)
        if before is not None:
            query = query.where(Event.id > before).order_by(Event.id.asc())
        else:
            query = query.where(*([Event.id < after] if after is not None else [])).order_by(Event.id.desc())
        with self._database.read() as session:
            cursor = projections.cursor(session)
            found = [_view(row, projections.tier_at(cursor, row.block_number)) for row in session.scalars(query)]
        return found[::-1] if before is not None else found

    def export(self, wanted: EventFilter) -> Iterator[EventView]:
        """All of them, newest first, a page at a time."""
        after: int | None = None
        while page := self.events(wanted, PAGE, after, None):
            yield from page
            after = page[-1].id


def _view(row: Event, tier: str) -> EventView:
    voucher = None if row.batch_id is None or row.index is None else str(VoucherId(row.batch_id, row.index))
    return EventView(
        id=row.id,
        kind=row.kind,
        voucher_id=voucher,
        batch_id=row.batch_id,
        index=row.index,
        actor=row.actor,
        fields=row.fields,
        block_number=row.block_number,
        block_hash=row.block_hash,
        timestamp=row.timestamp,
        transaction=row.transaction_hash,
        log_index=row.log_index,
        tier=tier,
    )
