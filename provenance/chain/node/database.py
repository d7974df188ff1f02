"""Keeps py-evm's key-value pairs in one SQLite file; what the pairs mean is py-evm's business."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth.abc import AtomicWriteBatchAPI
from eth.db.backends.base import BaseAtomicDB

_CACHE_KIB = 65_536


class SqliteDatabase(BaseAtomicDB, AtomicWriteBatchAPI):
    """A py-evm atomic database. One thread at a time may use it; several may be open on one file.

    A reader never waits for the writer, nor the writer for readers (write-ahead log). What a transaction
    has committed is on the disk (synchronous=FULL); what it has not is gone after a crash.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._depth = 0
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"cache_size=-{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS pair (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM pair WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO pair VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM pair WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM pair WHERE key = ?", (key,)).fetchone() is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[AtomicWriteBatchAPI]:
        """All writes inside, or none. Batches nest: an inner one that raises undoes only itself."""
        begin, commit, undo = _STATEMENTS[self._depth > 0]
        self._connection.execute(begin)
        self._depth += 1
        try:
            yield self
            self._connection.execute(commit)
        except BaseException:
            for statement in undo:
                self._connection.execute(statement)
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every read inside sees one committed state, whatever the writer does meanwhile."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


_STATEMENTS = (
    ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",)),
    ("SAVEPOINT batch", "RELEASE batch", ("ROLLBACK TO batch", "RELEASE batch")),
)
