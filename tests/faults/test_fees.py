"""Fees, evictions, gaps and foreign nonces on a node that mines only when it is told to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from provenance.core.sending import Patience
from provenance.errors import Halted
from provenance.services.submission import Limits, Submission
from provenance.store.tables import Attempt, Sender, Transaction
from tests.faults.conftest import NewWorld
from tests.faults.invariants import check
from tests.faults.proxy import Mode, Proxy
from tests.faults.world import ETHER, QUICK, Minted, World

GWEI = 10**9
EAGER = replace(QUICK, patience=Patience(rebroadcast_after=0.0, outbid_after=0.0, bump_after=10**9))
"""Bumps what is outbid at once, and nothing else."""


@pytest.fixture
def batch(world: World) -> Minted:
    """Minted; from here on blocks come by hand."""
    minted = world.mint(10)
    world.anvil.rpc("evm_setAutomine", False)
    return minted


def send(world: World, batch: Minted, place: int, limits: Limits = EAGER) -> Submission:
    submission = world.submission(limits=limits, owner="one")
    world.redeem(batch, place)
    assert submission.tick()
    return submission


def finish(world: World, submission: Submission) -> None:
    for _ in range(5):
        submission.tick()
        world.anvil.mine()
    submission.close()
    world.anvil.rpc("evm_setAutomine", True)
    world.settle()


def attempts(world: World) -> list[Attempt]:
    with world.database.read() as session:
        newest = select(func.max(Transaction.id)).scalar_subquery()
        return list(session.scalars(select(Attempt).where(Attempt.transaction_id == newest).order_by(Attempt.max_fee)))


def sender(world: World) -> Sender:
    with world.database.read() as session:
        return session.scalars(select(Sender)).one()


def pool(world: World) -> int:
    status = world.anvil.rpc("txpool_status")
    return int(status["pending"], 16) + int(status["queued"], 16)


def test_a_base_fee_spike_is_answered_by_a_bump(world: World, batch: Minted) -> None:
    submission = send(world, batch, 0)
    world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
    world.anvil.mine()
    finish(world, submission)
    first, *later = attempts(world)
    assert later, "nothing was bumped"
    assert all(a.max_fee * 10 >= first.max_fee * 11 for a in later)
    assert all(a.tip * 10 >= first.tip * 11 for a in later)
    assert check(world).included == 2


def test_at_the_ceiling_it_waits_and_says_so(world: World, batch: Minted) -> None:
    submission = send(world, batch, 0, replace(EAGER, fee_ceiling=5 * GWEI))
    world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
    world.anvil.mine()
    for _ in range(3):
        submission.tick()
    assert all(a.max_fee <= 5 * GWEI for a in attempts(world))
    assert sender(world).capped
    assert any("ceiling" in alarm for alarm in world.services.status.alarms())
    world.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(1 * GWEI))
    world.anvil.mine()
    finish(world, submission)
    assert not sender(world).capped
    assert check(world).included == 2


def test_what_was_evicted_is_sent_again(world: World, batch: Minted) -> None:
    submission = send(world, batch, 0)
    world.anvil.rpc("anvil_dropTransaction", "0x" + attempts(world)[0].hash.hex())
    assert pool(world) == 0
    submission.tick()
    assert pool(world) == 1
    finish(world, submission)
    assert len(attempts(world)) == 1, "the same bytes, not new ones"
    assert check(world).included == 2


def test_a_gap_is_filled_from_below(world: World, batch: Minted) -> None:
    submission = send(world, batch, 0)
    lowest = attempts(world)[0]
    for place in (1, 2):
        world.redeem(batch, place)
        assert submission.tick()
    world.anvil.rpc("anvil_dropTransaction", "0x" + lowest.hash.hex())
    finish(world, submission)
    tally = check(world)
    assert (tally.included, tally.transactions) == (4, 4)


def test_no_more_than_so_many_are_in_flight(world: World, batch: Minted) -> None:
    submission = send(world, batch, 0)
    for place in range(1, 8):
        world.redeem(batch, place)
        submission.tick()
    assert pool(world) == EAGER.in_flight
    finish(world, submission)
    assert check(world).included == 9


def test_underpriced_is_bumped_at_once(new_world: NewWorld, proxy: Proxy) -> None:
    world = new_world(rpc_urls=[proxy.url])
    minted = world.mint(2)
    world.redeem(minted, 0)
    submission = world.submission(limits=EAGER)
    with proxy.doing(Mode.UNDERPRICED, only=["eth_sendRawTransaction"]):
        submission.tick()
        submission.tick()
    assert len(attempts(world)) >= 2
    submission.close()
    world.settle()
    assert check(world).included == 2


def test_somebody_else_with_our_key_stops_the_signer(world: World, batch: Minted) -> None:
    submission = send(world, batch, 0)
    relayer = world.relayers[0]
    world.send(relayer, b"", world.brand.address, nonce=2, gas=21_000, mined=False)
    world.anvil.mine()
    world.redeem(batch, 1)
    with pytest.raises(Halted, match="somebody else signs"):
        submission.tick()
    before = len(attempts(world))
    with pytest.raises(Halted):
        submission.tick()
    assert len(attempts(world)) == before
    assert any("has stopped" in alarm for alarm in world.services.status.alarms())


def test_without_money_nothing_is_signed_and_the_alarm_is_on(world: World, batch: Minted) -> None:
    submission = world.submission(limits=EAGER)
    world.anvil.rpc("anvil_setBalance", world.relayers[0].address, hex(10**12))
    world.redeem(batch, 0)
    assert not submission.tick()
    assert sender(world).low
    assert any("little money" in alarm for alarm in world.services.status.alarms())
    world.anvil.rpc("anvil_setBalance", world.relayers[0].address, hex(10 * ETHER))
    assert submission.tick()
    finish(world, submission)
    assert not sender(world).low
    assert check(world).included == 2
