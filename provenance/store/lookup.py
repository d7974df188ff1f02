"""A query for one row, compiled once and run on the driver: by way of SQLAlchemy it costs as much as the rest of an answer."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy import Dialect, PoolProxiedConnection, Select


class Lookup:
    """`statement` binds its parameters by name and selects columns that both drivers return as they are: text, integers,
    bytes and truth values (SQLite's are 0 and 1)."""

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


class _Compiled(NamedTuple):
    """`order` of the parameters, where the driver takes them by position."""

    text: str
    constants: dict[str, Any]
    order: list[str] | None


def _compile(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    return _Compiled(compiled.string, dict(compiled.params), compiled.positiontup)
