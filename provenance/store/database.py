"""One engine: read sessions and write sessions, on SQLite (WAL, BEGIN IMMEDIATE) and PostgreSQL alike."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from provenance import failpoints
from provenance.errors import StorageUnavailable
from provenance.store.compiled import Lookup

BUSY_TIMEOUT_MS = 15_000

POOL = {"pool_size": 10, "max_overflow": 20}
"""More connections are kept than gunicorn has threads: opening one costs more than a request."""


class Database:
    """`url` is SQLAlchemy's; `sqlite:///var/provenance.db` and `postgresql+psycopg://…` are supported."""

    def __init__(self, url: str) -> None:
        self.url = url
        sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(url) if sqlite else _postgres_engine(url)
        self._readers = _Readers(self.engine)
        self._snapshots = self.engine if sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot; what it changes is thrown away."""
        with _translated(), Session(self._snapshots) as session:
            yield session

    @contextmanager
    def inspect(self) -> Iterator[Session]:
        """Like `read`, but damaged text (no UTF-8) is read with replacement characters: an audit has to name its row. Only
        SQLite can hold such text."""
        with self.read() as session:
            connection: Any = session.connection().connection.driver_connection
            lenient = hasattr(connection, "text_factory")
            try:
                if lenient:
                    connection.text_factory = _decode_leniently
                yield session
            finally:
                if lenient:
                    connection.text_factory = str

    @contextmanager
    def write(self, step: str = "write") -> Iterator[Session]:
        """A session whose transaction holds SQLite's write lock from its start and commits at the end, or leaves nothing.

        `step` names it for fail points: every durable step has one on either side of its commit."""
        engine = self.engine.execution_options(write=True)
        with _translated(), Session(engine, expire_on_commit=False) as session:
            with session.begin():
                yield session
                session.flush()
                failpoints.reach(f"{step}.before")
            failpoints.reach(f"{step}.after")

    def fetch(self, lookup: Lookup, parameters: dict[str, Any]) -> Any:
        """The one row of a lookup, or None. No session: a statement is its own snapshot, and this is the way of the routes
        that everybody asks. A connection that broke meanwhile is replaced once."""
        try:
            return self._readers.run(lookup, parameters)
        except StorageUnavailable:
            return self._readers.run(lookup, parameters)

    def close(self) -> None:
        self._readers.close()
        self.engine.dispose()


class _Readers:
    """Connections for lookups, outside the pool and outside transactions: taking one out of the pool and putting it back
    costs more than a lookup. There are as many as were ever needed at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[PoolProxiedConnection] = deque()  # its ends are safe for threads

    def run(self, lookup: Lookup, parameters: dict[str, Any]) -> Any:
        """Raises StorageUnavailable, and then forgets all idle connections: what broke one broke them all."""
        try:
            with _translated():
                connection = self._take()
                found = lookup.run(self._engine.dialect, connection, parameters)
        except self._engine.dialect.loaded_dbapi.OperationalError as error:
            self.close()
            raise StorageUnavailable(f"the database did not answer: {error}; try again") from error
        self._idle.append(connection)
        return found

    def _take(self) -> PoolProxiedConnection:
        with suppress(IndexError):
            return self._idle.pop()
        fresh = self._engine.raw_connection()
        fresh.detach()
        if self._engine.dialect.name == "postgresql":
            fresh.dbapi_connection.autocommit = True  # type: ignore[union-attr]  # psycopg's own
        return fresh

    def close(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return


def _to_json(value: object) -> str:
    """Most events have no fields beside their columns."""
    return "{}" if value == {} else json.dumps(value)


def _sqlite_engine(url: str) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    pool = POOL if path else {}  # one in memory lives in one connection
    engine = create_engine(
        url, connect_args={"check_same_thread": False}, json_serializer=_to_json, hide_parameters=True, **pool
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = (
        None  # we say BEGIN ourselves: a deferred one fails with "locked" when it turns to writing
    )
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _decode_leniently(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgres_engine(url: str) -> Engine:
    return create_engine(url, pool_pre_ping=True, json_serializer=_to_json, hide_parameters=True, **POOL)


@contextmanager
def _translated() -> Iterator[None]:
    """A database that is full, locked or gone is ours to report; a broken constraint is for the caller to judge."""
    try:
        yield
    except OperationalError as error:
        raise StorageUnavailable(
            f"the database did not take it: {error.orig}; nothing was stored, try again"
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StorageUnavailable("the database connection broke; nothing was stored, try again") from error
        raise
