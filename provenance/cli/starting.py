"""What a process that is being started says and needs: its database, its chain's port, how to call this program again."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from provenance import wiring
from provenance.config import Settings
from provenance.errors import InvalidInput
from provenance.store.database import Database

HERE = ("127.0.0.1", "localhost")
OWN_VARIABLES = ("DATA_DIR", "HOST", "PORT", "API_URL", "RPC_URL", "CHAIN_ID", "REGISTRY", "DATABASE_URL")
"""Settings that another terminal needs in order to find what was started here."""


def node_port(found: Settings) -> int:
    """Where a chain that is started here has to listen so that everybody with the same settings finds it.

    Raises InvalidInput where RPC_URL leads to another machine.
    """
    url = found.rpc_urls[0]
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in HERE:
        detail = f"RPC_URL is {parts.hostname or url:.80}, but this starts a chain on this machine; unset RPC_URL, or "
        raise InvalidInput(detail + "set it to http://127.0.0.1:PORT to choose the port", field="RPC_URL")
    return 80 if parts.port is None else parts.port


def open_database(found: Settings) -> Database:
    """Brought up to this program's schema, and closed when the command ends, however it ends."""
    database = wiring.open_database(found)
    click.get_current_context().call_on_close(database.close)
    return database


def own_command() -> str:
    """What to type in this folder, in another terminal, to start this program again."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m provenance"
    found = shutil.which("provenance")
    if found and started.exists() and Path(found).samefile(started):
        return "provenance"
    return shlex.quote(os.path.relpath(started) if started.absolute().is_relative_to(Path.cwd()) else str(started))


def own_settings() -> list[str]:
    """`export` lines, for another terminal, of what this one was told by its environment."""
    told = [f"{name}={shlex.quote(os.environ[name])}" for name in OWN_VARIABLES if name in os.environ]
    return [f"export {' '.join(told)}"] if told else []
