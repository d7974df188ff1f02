"""Brings a database to this program's schema, with Alembic; refuses one that a newer program made."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import text

from provenance.errors import Halted
from provenance.store.database import Database

_LOCK_KEY = 0x766F7563686572  # "voucher": any number that nobody else locks
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps its context in the process


def upgrade(database: Database) -> None:
    """Idempotent, also for processes that start together. Raises Halted where the database is ahead of this program."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = database.engine.execution_options(write=True)
    with _ONE_AT_A_TIME, engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":  # SQLite's write lock is held already
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        current = MigrationContext.configure(connection).get_current_revision()
        if current == ScriptDirectory.from_config(config).get_current_head():
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Halted(f"the database has schema {current}, which this program does not know; update it") from error
