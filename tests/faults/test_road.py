"""The road without faults, on a real node and both databases: what every fault scenario starts from."""

from __future__ import annotations

from tests.faults.conftest import NewWorld
from tests.faults.invariants import check


def test_what_is_accepted_happens_once(new_world: NewWorld, database_url: str) -> None:
    world = new_world(database_url)
    batch = world.mint(50)
    fresh = {i: world.transfer(batch, i) for i in range(10)}
    for i in range(20, 50):
        world.redeem(batch, i)
    world.settle()
    for i in range(5):
        world.redeem(batch, i, secret=fresh[i], nonce=1)
    world.settle()
    tally = check(world)
    assert (tally.operations, tally.included, tally.refused, tally.doubled) == (46, 46, 0, 0)
