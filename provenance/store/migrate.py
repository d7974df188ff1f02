"""Brings a database to this program's schema, with Alembic; refuses one that a newer program made."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from provenance.errors import Halted
from provenance.store.database import Database


def upgrade(database: Database) -> None:
    """Idempotent. Raises Halted where the database is ahead of this program."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.engine.execution_options(write=True).connect() as connection, connection.begin():
        current = MigrationContext.configure(connection).get_current_revision()
        if current == ScriptDirectory.from_config(config).get_current_head():
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Halted(f"the database has schema {current}, which this program does not know; update it") from error
