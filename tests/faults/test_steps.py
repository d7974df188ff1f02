"""Each durable step, failed and failed-but-landed, on SQLite and PostgreSQL: the next rounds make it good."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from provenance.chain import calldata
from provenance.errors import ProvenanceError
from provenance.store.tables import Cursor
from tests.faults.conftest import NewWorld
from tests.faults.faulty import Injected, failing
from tests.faults.invariants import check
from tests.faults.world import Minted, World

WORKER_STEPS = (
    "lease.acquire",
    "submission.look",
    "submission.refuse",
    "submission.store",
    "submission.send",
    "submission.note",
    "indexing.commit",
    "indexing.tiers",
)


def work(world: World) -> None:
    """Rounds of a worker as provenance.worker makes them: whatever fails is tried again."""
    indexing, submission = world.indexing(), world.submission()
    until = time.monotonic() + 30
    while not world.at_rest():
        assert time.monotonic() < until
        for step in (indexing, submission):
            try:
                step.tick()
            except (Injected, ProvenanceError):
                continue
    submission.close()


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_step_that_fails_is_made_good(new_world: NewWorld, database_url: str, side: str) -> None:
    """One world for all steps of a side: a fault must not leave anything behind for the next one either."""
    world = new_world(database_url)
    batch, struck = world.mint(100), []
    for place, step in enumerate(WORKER_STEPS):
        with failing(f"{step}.{side}") as hits:
            provoke(world, step, batch, place)
            work(world)
            struck += hits
    assert struck == [f"{step}.{side}" for step in WORKER_STEPS]
    tally = check(world)
    assert (tally.operations, tally.refused) == (len(WORKER_STEPS), 1)


def provoke(world: World, step: str, batch: Minted, place: int) -> None:
    """What makes a worker come by this step."""
    if step == "submission.refuse":
        world.redeem(batch, place)
        world.send(world.brand, calldata.encode_withdraw_redeemer(world.redeemer.address))
        work(world)
        world.send(world.brand, calldata.encode_authorize_redeemer(world.redeemer.address, 2**39))
    elif step == "indexing.tiers":
        world.anvil.mine(70)
        work(world)
        with world.database.write("test") as session:
            session.execute(update(Cursor).values(safe=1, finalized=1))  # as if finality had moved on without a block
        with pytest.raises(Injected):
            world.indexing().tick()
    else:
        world.redeem(batch, place)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_request_that_fails_is_all_or_nothing(new_world: NewWorld, database_url: str, side: str) -> None:
    world = new_world(database_url)
    batch = world.mint(4)
    signed = world.redemption(batch, 1)
    with failing(f"redemption.accept.{side}"), pytest.raises(Injected):
        world.accept_redemption(signed)
    assert world.services.status.waiting() == (side == "after")
    world.accept_redemption(signed)  # the caller tries again: the same operation
    world.settle()
    tally = check(world)
    assert (tally.operations, tally.included) == (2, 2)
