"""Chain events as rows of `events`, and back. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from provenance.core.encoding import Address
from provenance.core.ledger import ChainEvent, EventKind
from provenance.store import tables as t
from provenance.store.compiled import Bulk

_COLUMNS = [column.name for column in t.Event.__table__.columns if column.name != "id"]
_EVENTS = Bulk(cast(Table, t.Event.__table__), _COLUMNS)


def insert(session: Session, events: Sequence[ChainEvent]) -> None:
    """In chain order."""
    _EVENTS.run(session.connection(), [_row(event) for event in events])


def read(session: Session, batch_id: bytes, index: int | None = None) -> list[ChainEvent]:
    """A batch's own events, or one voucher's, in chain order."""
    where = (t.Event.batch_id == batch_id, t.Event.index.is_(None) if index is None else t.Event.index == index)
    return [to_event(row) for row in session.scalars(select(t.Event).where(*where).order_by(t.Event.id))]


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
