"""Real parts for the campaigns: anvil and PostgreSQL, started here and stopped here, on random ports."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.anvil import Anvil
from tests.faults.postgres import Postgres
from tests.faults.proxy import Proxy
from tests.faults.world import World

NewWorld = Callable[..., World]


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A chain of its own."""
    node = Anvil(tmp_path / "anvil.log")
    yield node
    node.stop()


@pytest.fixture
def proxy(anvil: Anvil) -> Iterator[Proxy]:
    """Between our services and the node; the people of a world do not go through it."""
    opened = Proxy(anvil.url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Not under pytest's directory: as root the server runs as another user, whom every start of pytest shuts out of it."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory))
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/world.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create()


@pytest.fixture
def new_world(anvil: Anvil, tmp_path: Path) -> Iterator[NewWorld]:
    """Worlds on this test's chain, by default on SQLite."""
    made: list[World] = []

    def make(url: str = f"sqlite:///{tmp_path}/world.db", **options: object) -> World:
        made.append(World(anvil, tmp_path, url, **options))  # type: ignore[arg-type]  # passed through
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()
