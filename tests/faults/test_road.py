"""The road without faults, on a real node and both databases: what every fault scenario starts from."""

from __future__ import annotations

import pytest

from provenance.chain import calldata
from provenance.core.statements import Suspend
from provenance.store.tables import Operation
from tests.faults.conftest import NewWorld
from tests.faults.invariants import check
from tests.faults.world import FAR, World


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


@pytest.mark.parametrize("ours_goes_too", [False, True])
def test_a_suspension_that_somebody_else_carried_has_happened(world: World, ours_goes_too: bool) -> None:
    """Anyone may carry it; ours then reverts, and it is not to be called refused."""
    batch = world.mint(1)
    statement = Suspend(batch.batch_id, True, 0, FAR)
    signed = world.sign(world.brand, statement)
    operation = world.services.revocations.accept_suspend(signed, world.brand.address, "brand-key")
    submission = world.submission()
    data = calldata.encode_suspend_for(batch.batch_id, True, 0, FAR, signed.signature.r, signed.signature.vs)
    world.anvil.rpc("evm_setAutomine", not ours_goes_too)
    world.send(world.admin, data, mined=not ours_goes_too)
    if ours_goes_too:
        submission.tick()  # simulates before theirs is mined, and comes behind it in the block
        world.anvil.rpc("evm_mine")
        world.anvil.rpc("evm_setAutomine", True)
        submission.tick()  # sees its own receipt before indexing has read the block
    submission.close()
    world.settle()
    with world.database.read() as session:
        assert session.get_one(Operation, operation.id).status == "included"
