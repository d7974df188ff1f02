"""The fault campaigns at full length: `python -m scripts.fault_campaign [--scale 1.0] [name …]`; figures go to a JSON file.

Each is what `tests/faults` runs in short. A campaign that finds a fault raises, and its figure says so.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from provenance import worker
from tests.faults.anvil import Anvil
from tests.faults.halting import BREAKS, rehearse_halt
from tests.faults.invariants import check
from tests.faults.killing import INDEXER_POINTS, SUBMITTER_POINTS, Campaign, IndexerCampaign
from tests.faults.nursery import Nursery
from tests.faults.postgres import Postgres
from tests.faults.proxy import wait_until
from tests.faults.racing import Door, race_for_vouchers
from tests.faults.reorging import Reorgs
from tests.faults.world import World

WORLD_KILLS = 100
WORLD_REORGS = (
    25  # then a fresh node: after some 900 blocks a deep reorg may cost anvil the code of the registry itself
)
"""A new chain after so many: a history of hours would slow down the checking, not the checked."""

Figures = dict[str, Any]


class Ground:
    """Where campaigns take place: directories, nodes, databases, and their end."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory, self.seed, self._number = directory, seed, 0
        self.nursery = Nursery(directory)
        self.postgres = Postgres(directory / "postgres")
        self._open: list[tuple[World, Anvil]] = []

    def world(self, database: str = "sqlite", *options: str) -> tuple[World, Path]:
        self.clear()
        self._number += 1
        place = self.directory / str(self._number)
        place.mkdir()
        anvil = Anvil(place / "anvil.log", *options)
        url = self.postgres.create() if database == "postgres" else f"sqlite:///{place}/world.db"
        self._open.append((World(anvil, place, url), anvil))
        return self._open[-1][0], place

    def clear(self) -> None:
        for world, anvil in self._open:
            world.close()
            anvil.kill()
        self._open.clear()

    def close(self) -> None:
        self.clear()
        self.nursery.close()
        self.postgres.stop()


def kill_submitter(ground: Ground, scale: float) -> Figures:
    kills = included = fed = 0
    struck: dict[str, int] = {}
    for round_ in range(max(1, round(10 * scale))):
        world, place = ground.world("postgres" if round_ % 2 else "sqlite")
        campaign = Campaign(world, ground.nursery, place, seed=round_)
        batch = world.mint(1500)
        campaign.at_random(batch, WORLD_KILLS - 2 * len(SUBMITTER_POINTS))
        for point in SUBMITTER_POINTS:
            campaign.at_point(batch, point, 2)
        tally = campaign.finish()
        assert tally.included == campaign.fed + 1
        kills, fed, included = kills + campaign.kills, fed + campaign.fed, included + tally.included - 1
        for point, count in campaign.struck.items():
            struck[point] = struck.get(point, 0) + count
    return {"kills": kills, "acknowledged": fed, "happened": included, "lost": fed - included, "twice": 0, "at": struck}


def kill_control(ground: Ground, scale: float) -> Figures:
    """Must double."""
    world, place = ground.world()
    campaign = Campaign(world, ground.nursery, place, part="naive")
    batch = world.mint(1500)
    campaign.at_random(batch, round(80 * scale))
    campaign.at_point(batch, "naive.sent", round(20 * scale) or 1)
    assert campaign.doubled(), "the control passed: the campaign proves nothing"
    return {"kills": campaign.kills, "twice": campaign.doubled()}


def kill_indexer(ground: Ground, scale: float) -> Figures:
    kills = reorgs = 0
    for round_ in range(3):
        world, place = ground.world()
        campaign = IndexerCampaign(world, ground.nursery, place, seed=round_)
        campaign.strike(round((100 - 4 * len(INDEXER_POINTS)) * scale))
        for point in INDEXER_POINTS:
            campaign.strike_point(point, max(1, round(4 * scale)))
        campaign.finish()
        kills, reorgs = kills + campaign.kills, reorgs + campaign.reorgs
    return {"kills": kills, "reorgs": reorgs, "differences": 0}


def reorgs(ground: Ground, scale: float) -> Figures:
    wanted, struck, operations = round(1000 * scale), 0, 0
    manners: dict[str, int] = {}
    while struck < wanted:
        world, _ = ground.world("postgres" if (struck // WORLD_REORGS) % 2 else "sqlite")
        strikes = Reorgs(world, random.Random(ground.seed + struck), vouchers=600)
        for _ in range(min(WORLD_REORGS, wanted - struck)):
            manner = strikes.strike_at_random()
            manners[manner] = manners.get(manner, 0) + 1
            struck += 1
        operations += check(world).operations
    return {"reorgs": struck, "manners": manners, "operations": operations, "differences": 0}


def halts(ground: Ground, scale: float) -> Figures:
    """Reorg beyond finality, rollback, reset, another chain id: halted, and nothing written."""
    halted, wanted = 0, max(4, round(100 * scale))
    for number in range(wanted):
        world, _ = ground.world("sqlite", "--slots-in-an-epoch", "1")
        rehearse_halt(world, BREAKS[number % len(BREAKS)])
        halted += 1
    return {"halts": halted, "of": wanted, "writes": 0}


def races(ground: Ground, scale: float) -> Figures:
    """64 racers for each of 200 vouchers, on both databases."""
    told: dict[str, int] = {}
    vouchers = max(2, round(100 * scale))
    for database in ("sqlite", "postgres"):
        world, _ = ground.world(database)
        for code, count in race_for_vouchers(world, world.mint(vouchers), 64).items():
            told[code] = told.get(code, 0) + count
        world.settle(seconds=300)
        check(world)
    return {"vouchers": 2 * vouchers, "racers": 64, "told": told}


def idempotency(ground: Ground, scale: float) -> Figures:
    """100 equal requests at once for each of 100 keys."""
    world, _ = ground.world()
    keys, statuses = max(2, round(100 * scale)), dict[int, int]()
    batch, door = world.mint(keys), Door(world)
    for place in range(keys):
        bodies, found = door.race(world.redemption(batch, place), f"key-{place}", 100)
        assert len(bodies) == 1, "the replay differs from the first answer"
        for status, count in found.items():
            statuses[status] = statuses.get(status, 0) + count
    world.accepted = []
    world.settle(seconds=300)
    tally = check(world)
    assert tally.operations == keys + 1
    return {"keys": keys, "requests": 100 * keys, "operations": tally.operations - 1, "statuses": statuses}


def outage(ground: Ground, scale: float) -> Figures:
    """Ten minutes without an answer, under load; then it has to catch up within 30 s."""
    world, _ = ground.world()
    seconds, stop = 600 * scale, threading.Event()
    batch, fed = world.mint(2000), 0
    thread = threading.Thread(target=worker.run, args=([world.indexing(), world.submission()], stop))
    thread.start()
    world.anvil.pause()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fed < 2000:
            world.redeem(batch, fed)
            fed += 1
        time.sleep(seconds / 2500)
    world.anvil.go_on()
    took = wait_until(lambda: not world.services.status.waiting(), 120, "caught up")
    stop.set()
    thread.join(20)
    world.settle()
    tally = check(world)
    assert tally.included == fed + 1
    return {
        "seconds_down": round(seconds),
        "acknowledged": fed,
        "happened": tally.included - 1,
        "caught_up_s": round(took, 1),
    }


CAMPAIGNS: dict[str, Callable[[Ground, float], Figures]] = {
    "kill_submitter": kill_submitter,
    "kill_control": kill_control,
    "kill_indexer": kill_indexer,
    "reorgs": reorgs,
    "halts": halts,
    "races": races,
    "idempotency": idempotency,
    "outage": outage,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(CAMPAIGNS)))
@click.option("--scale", default=1.0, help="1.0: the full figures")
@click.option("--out", default="test-artifacts/faults.json", type=click.Path(path_type=Path))
@click.option("--seed", default=0, help="of the reorgs")
def main(names: tuple[str, ...], scale: float, out: Path, seed: int) -> None:
    """Runs the campaigns, all of them without NAMES. Exit status 1 where one found a fault."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Figures] = json.loads(out.read_text()) if out.exists() else {}
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        ground = Ground(Path(directory), seed)
        try:
            for name in names or CAMPAIGNS:
                begin = time.monotonic()
                figures[name] = _run(CAMPAIGNS[name], ground, scale)
                figures[name]["seconds"] = round(time.monotonic() - begin)
                out.write_text(json.dumps(figures, indent=2) + "\n")
                click.echo(f"{name}: {json.dumps(figures[name])}")
        finally:
            ground.close()
    if any("fault" in figure for figure in figures.values()):
        raise SystemExit(1)


def _run(campaign: Callable[[Ground, float], Figures], ground: Ground, scale: float) -> Figures:
    try:
        return campaign(ground, scale)
    except Exception as error:  # the figure of a campaign that failed is its fault
        traceback.print_exc()
        return {"fault": f"{type(error).__name__}: {error}"[:500]}


if __name__ == "__main__":
    main()
