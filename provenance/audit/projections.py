"""Folds the chain's events anew and names each row of the projections that differs. Writes to a scratch database only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import JSON, Text, cast, inspect, select
from sqlalchemy.orm import Session

from provenance.audit.report import Difference
from provenance.core.ledger import ChainEvent
from provenance.store import projector, tables
from provenance.store.database import Database

FOLDED: tuple[type[tables.Base], ...] = (
    tables.Event,
    tables.VoucherState,
    tables.BatchState,
    tables.BrandState,
    tables.SupplierState,
    tables.RedeemerState,
)


def differences(session: Session, events: Sequence[ChainEvent]) -> list[Difference]:
    """A fresh database, folded from the chain's events alone, compared with this one row by row."""
    fresh = Database("sqlite://")
    tables.Base.metadata.create_all(fresh.engine)
    found: list[Difference] = []
    try:
        with fresh.write() as scratch:
            projector.apply(scratch, events)
        with fresh.read() as scratch:
            for table in FOLDED:
                found += _compare(table, _rows(scratch, table), _rows(session, table))
    finally:
        fresh.close()
    return found


Rows = dict[tuple[Any, ...], dict[str, Any]]


def _rows(session: Session, table: type[tables.Base]) -> Rows:
    """By key: an event's is its place in the chain, since the row numbers of two databases differ."""
    columns = [column.key for column in inspect(table).columns if (table, column.key) != (tables.Event, "id")]
    keys = [str(column.key) for column in inspect(table).primary_key]
    if table is tables.Event:
        keys = ["block_number", "log_index"]
    rows = session.execute(select(*(_readable(getattr(table, name)) for name in columns))).mappings()
    return {tuple(row[key] for key in keys): {name: _parsed(value) for name, value in row.items()} for row in rows}


def _readable(column: Any) -> Any:
    """JSON as the text that is stored: damage may have left none."""
    return cast(column, Text).label(column.key) if isinstance(column.type, JSON) else column


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] != "{":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _compare(table: type[tables.Base], expected: Rows, found: Rows) -> Iterator[Difference]:
    for key in sorted(expected.keys() | found.keys(), key=repr):
        name = f"{table.__tablename__} " + "/".join(_show(part) for part in key)
        if key not in found:
            yield Difference(name, "the row is missing", _show(expected[key]), "nothing")
        elif key not in expected:
            yield Difference(name, "the chain knows no such row", "nothing", _show(found[key]))
        elif expected[key] != found[key]:
            column = next(c for c, value in expected[key].items() if found[key][c] != value)
            yield Difference(name, f"{column} differs", _show(expected[key][column]), _show(found[key][column]))


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
