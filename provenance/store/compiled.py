"""Statements compiled once and run on the driver, where SQLAlchemy's care for every value costs more than the work itself.

The caller gives and gets what both drivers take and return as it is: text, integers, bytes and JSON as text; truth values come
back from SQLite as 0 and 1.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Connection, Dialect, PoolProxiedConnection, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert(dialect: str, table: Table) -> Any:
    """The dialect's own, which knows what to do about conflicts."""
    return _INSERTS[dialect](table)


class Lookup:
    """A query for at most one row. `statement` binds its parameters by name."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        columns = statement.selected_columns.keys()
        self._row: Callable[[Iterable[Any]], Any] = namedtuple("Row", columns)._make  # type: ignore[attr-defined]  # the query's
        self._compiled: dict[str, _Compiled] = {}

    def run(self, dialect: Dialect, connection: PoolProxiedConnection, parameters: dict[str, Any]) -> Any:
        """The row, with the columns as attributes, or None. Raises the driver's own errors."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._statement, dialect)
        values = compiled.constants | parameters
        with closing(connection.cursor()) as cursor:
            cursor.execute(compiled.text, [values[n] for n in compiled.order] if compiled.order else values)
            found = cursor.fetchone()
        return None if found is None else self._row(found)


ROWS = 200
"""In one statement on SQLite, where the driver gives up the GIL for each: were it one row, a thread that computes beside us
would have it back 5 ms later each time."""


class Bulk:
    """Many rows into one table. Where `replace`, a row with the same primary key gives way to the new one."""

    def __init__(self, table: Table, columns: Sequence[str], *, replace: bool = False) -> None:
        self._table, self._columns, self._replace = table, columns, replace
        self._compiled: dict[tuple[str, int], _Compiled] = {}

    def run(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Each row in the order of the columns. Raises what SQLAlchemy raises."""
        left = 0 if connection.dialect.name == "postgresql" else len(rows) // ROWS * ROWS
        for start in range(0, left, ROWS):
            values = tuple(chain.from_iterable(rows[start : start + ROWS]))
            connection.exec_driver_sql(self._get(connection.dialect, ROWS).text, values)
        if left < len(rows):
            self._one_by_one(connection, rows[left:])

    def _one_by_one(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        compiled = self._get(connection.dialect, 1)
        by_name = None if compiled.order else [dict(zip(self._columns, row, strict=True)) for row in rows]
        connection.exec_driver_sql(compiled.text, by_name or rows)

    def _get(self, dialect: Dialect, count: int) -> _Compiled:
        found = self._compiled.get((dialect.name, count))
        if found is None:
            statement, columns = self._statement(dialect.name), list(self._columns)
            if count > 1:
                statement = statement.values([dict.fromkeys(columns)] * count)
            found = self._compiled[dialect.name, count] = _compile(statement, dialect, columns)
        return found

    def _statement(self, dialect: str) -> Any:
        statement = insert(dialect, self._table)
        if self._replace:
            keys = [column.name for column in self._table.primary_key]
            fresh = {name: statement.excluded[name] for name in self._columns if name not in keys}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=fresh)
        return statement


class _Compiled(NamedTuple):
    """`order` of the parameters, where the driver takes them by position."""

    text: str
    constants: dict[str, Any]
    order: list[str] | None


def _compile(statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None = None) -> _Compiled:
    """`columns` of an insert, which come in the table's own order."""
    options: dict[str, Any] = {} if columns is None else {"column_keys": list(columns)}
    compiled: Any = statement.compile(dialect=dialect, **options)
    return _Compiled(compiled.string, dict(compiled.params), compiled.positiontup)
