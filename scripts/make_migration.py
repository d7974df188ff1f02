"""Writes an Alembic revision for what store/tables.py has and the migrations lack: make_migration.py "message"."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from provenance.store.database import Database

database = Database("sqlite://")
config = Config()
config.set_main_option("script_location", str(Path("provenance/store/migrations")))
with database.engine.connect() as connection, connection.begin():
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    command.revision(config, message=sys.argv[1], autogenerate=True, rev_id=sys.argv[2])
