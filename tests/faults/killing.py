"""kill -9, again and again: of the worker at random moments and at fail points, of the indexer, and of the naive control."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import inspect, select

from provenance.services.indexing import Indexing
from provenance.store import tables
from provenance.store.database import Database
from provenance.store.migrate import upgrade
from tests.faults.anvil import CHAIN_ID
from tests.faults.invariants import Chain, Tally, check
from tests.faults.nursery import Child, Nursery, Order
from tests.faults.reorging import Reorgs
from tests.faults.world import Minted, World

SUBMITTER_POINTS = tuple(
    f"{step}.{side}"
    for step in (
        "lease.acquire",
        "submission.look",
        "submission.store",
        "submission.send",
        "submission.note",
        "indexing.commit",
    )
    for side in ("before", "after")
)
PROJECTED: tuple[type[tables.Base], ...] = (
    tables.Event,
    tables.VoucherState,
    tables.BatchState,
    tables.BrandState,
    tables.SupplierState,
    tables.RedeemerState,
)
LONGEST_LIFE = 0.35
"""Seconds: a worker that lives longer has done what it had to do."""


@dataclass
class Campaign:
    """One world, one killer. `fed` counts the redemptions that were acknowledged between kills."""

    world: World
    nursery: Nursery
    directory: Path
    seed: int = 1
    part: str = "both"
    rpc_url: str = ""
    kills: int = 0
    fed: int = 0
    struck: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def bear(self, failpoints: str = "") -> Child:
        world = self.world
        return self.nursery.bear(
            Order(
                part=self.part,
                database_url=world.settings.database_url,
                rpc_url=self.rpc_url or world.settings.rpc_urls[0],
                registry=world.registry,
                key=world.relayers[0]._key.secret.hex(),  # the child is ours
                failpoints=failpoints,
                log=str(self.directory / "child.log"),
            )
        )

    def feed(self, batch: Minted, count: int) -> None:
        for _ in range(min(count, len(batch.secrets) - self.fed)):
            self.world.redeem(batch, self.fed)
            self.fed += 1

    def at_random(self, batch: Minted, kills: int) -> None:
        for _ in range(kills):
            child = self.bear()
            self.feed(batch, self.random.randint(0, 4))
            time.sleep(self.random.uniform(0, LONGEST_LIFE))
            child.kill()
            self.kills += 1

    def at_point(self, batch: Minted, point: str, kills: int) -> None:
        """Waits until it dies there. A worker that does not get there has nothing to do: fed again, and killed at last."""
        for _ in range(kills):
            child = self.bear(f"{point}=kill:{self.random.randint(1, 2)}")
            deadline = time.monotonic() + 5
            while not child.is_dead(0.15) and time.monotonic() < deadline:
                self.feed(batch, 2)
            struck = child.is_dead()
            child.kill()
            self.struck[point] = self.struck.get(point, 0) + struck
            self.kills += struck

    def doubled(self) -> int:
        """Operations that two mined transactions carry, so far."""
        with self.world.database.read() as session:
            operations = session.scalars(select(tables.Operation)).all()
        return Chain(self.world).doubled(operations)

    def finish(self) -> Tally:
        self.world.settle()
        return check(self.world)


INDEXER_POINTS = tuple(f"indexing.{step}.{side}" for step in ("commit", "rewind") for side in ("before", "after"))


@dataclass
class IndexerCampaign:
    """A second database on the same chain, whose indexer is killed while the chain grows and is reorganised."""

    world: World
    nursery: Nursery
    directory: Path
    seed: int = 1
    kills: int = 0
    reorgs: int = 0
    struck: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.traffic = Reorgs(self.world, random.Random(self.seed), vouchers=2000)
        self.url = f"sqlite:///{self.directory}/victim.db"
        fresh = Database(self.url)
        upgrade(fresh)
        fresh.close()

    def strike(self, kills: int, point: str = "") -> None:
        for _ in range(kills):
            child = self.nursery.bear(self._order(point))
            self.traffic.work(self.random.randint(1, 3))
            if self.random.random() < 0.3 or "rewind" in point:
                self.traffic.strike("dropped", self.random.randint(1, 4))
                self.reorgs += 1
            time.sleep(0 if point else self.random.uniform(0, 0.15))
            struck = bool(point) and child.is_dead(2)
            child.kill()
            self.kills += 1
            self.struck[point] = self.struck.get(point, 0) + struck

    def strike_point(self, point: str, kills: int) -> None:
        """Until it has died there so often. A reorg is only seen by an indexer that has read the old branch."""
        for _ in range(20 * kills):  # on a busy machine many strikes miss
            if self.struck.get(point, 0) >= kills:
                break
            self.strike(1, point)

    def _order(self, point: str) -> Order:
        return Order(
            part="indexing",
            database_url=self.url,
            rpc_url=self.world.anvil.url,
            registry=self.world.registry,
            key="01" * 32,
            failpoints=f"{point}=kill:1" if point else "",
            log=str(self.directory / "child.log"),
            most_blocks=self.random.choice((1, 2, 5)),
        )

    def finish(self) -> None:
        """The victim, run to the head, equals an index that was made in one go. And both equal the world's."""
        check(self.world)
        fresh = f"sqlite:///{self.directory}/fresh.db"
        found = [index_again(self.world, url) for url in (self.url, fresh)]
        assert found[0] == found[1], "the killed indexer's projections are not those of a fresh index"


def index_again(world: World, url: str) -> dict[str, list[str]]:
    """Runs an index on this database up to the head; what it holds then, without row numbers."""
    database = Database(url)
    upgrade(database)
    indexing = Indexing(database, world.services.registry, CHAIN_ID, behind_seconds=0.0)
    while indexing.tick() or _cursor(database) != world.anvil.number():
        pass
    rows = projected(database)
    database.close()
    return rows


def projected(database: Database) -> dict[str, list[str]]:
    found = {}
    with database.read() as session:
        for table in PROJECTED:
            columns = [getattr(table, c.key) for c in inspect(table).columns if (table, c.key) != (tables.Event, "id")]
            found[table.__tablename__] = sorted(map(repr, session.execute(select(*columns))))
    return found


def _cursor(database: Database) -> int:
    with database.read() as session:
        at = session.get(tables.Cursor, 1)
    return at.number if at else -1
