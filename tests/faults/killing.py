"""kill -9, again and again: of the worker at random moments and at each fail point, of the indexer, and of the naive control."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.invariants import Chain, Tally, check
from tests.faults.nursery import Child, Nursery, Order
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
            child.kill() if not struck else child.wait(1)
            self.struck[point] = self.struck.get(point, 0) + struck
            self.kills += struck

    def doubled(self) -> int:
        """Operations that the chain was asked to execute once more, so far."""
        return Chain(self.world).doubled()

    def finish(self) -> Tally:
        self.world.settle()
        return check(self.world)
