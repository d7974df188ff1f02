"""Reorgs: SQL = a fresh re-index = the contract, and every acknowledged operation settles again, once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from provenance.chain import calldata
from provenance.errors import Halted
from provenance.services.indexing.fetching import Fetching
from provenance.store.tables import Attempt, Cursor, Operation, OperationStatus, Sender
from tests.faults.anvil import Anvil
from tests.faults.conftest import NewWorld
from tests.faults.halting import BREAKS, rehearse_halt
from tests.faults.invariants import check
from tests.faults.reorging import Reorgs, snapshot
from tests.faults.world import World


@pytest.mark.parametrize("manner", ["dropped", "moved", "shorter"])
def test_a_reorg_leaves_no_trace(world: World, manner: str) -> None:
    reorgs = Reorgs(world, random.Random(manner))
    for depth in (1, 2, 5, 30):
        reorgs.strike(manner, depth)
    assert reorgs.rewound == 4
    check(world)


def test_random_reorgs_leave_no_trace(new_world: NewWorld, database_url: str) -> None:
    reorgs = Reorgs(new_world(database_url), random.Random(7))
    for _ in range(10):
        reorgs.strike_at_random()
    check(reorgs.world)


def test_blocks_read_ahead_of_a_reorg_are_read_again_after_it(world: World) -> None:
    world.anvil.mine(40)
    fetching = Fetching(world.services.registry, 5)
    spans = [fetching.span(11, 30)]
    assert fetching.ahead is not None
    assert [block.number for block in fetching.ahead[1].result().blocks] == list(range(16, 21))
    world.anvil.reorg(world.anvil.number() - 17)
    while spans[-1].blocks[-1].number < 30:
        spans.append(fetching.span(spans[-1].blocks[-1].number + 1, 30))
    fetching.close()
    blocks = [block for span in spans for block in span.blocks]
    assert [(block.number, block.hash) for block in blocks] == [
        (number, world.services.registry.rpc.block(number).hash) for number in range(11, 31)
    ]


def test_a_mint_of_others_whose_leaves_came_later_goes_again_after_a_reorg(world: World) -> None:
    """Its supplier sent it; in the new branch nobody has, and the signed Mint that came with the leaves is ours to send."""
    upload, minted = world.draft(3)
    world.send(world.supplier, calldata.encode_mint(calldata.Mint(**vars(upload.signed.statement))))
    world.settle()
    world.accepted.append(world.services.issuance.accept(upload, world.supplier.address, "supplier-key").id)
    assert operation_of(world).status == OperationStatus.INCLUDED
    world.anvil.reorg(1)
    world.settle()
    assert operation_of(world).status == OperationStatus.INCLUDED
    world.redeem(minted, 0)
    world.settle()
    assert check(world).included == 2


def operation_of(world: World) -> Operation:
    with world.database.read() as session:
        return session.scalars(select(Operation).order_by(Operation.created_at.desc(), Operation.id)).one()


def test_a_nonce_that_went_to_another_transaction_stops_the_signer_until_a_person_looks(world: World) -> None:
    """Whoever has our key signs the same nonce in the new branch: nothing of ours is sent, nothing is lost."""
    batch = world.mint(5)
    world.redeem(batch, 0)
    world.settle()
    taken = int(world.anvil.rpc("eth_getTransactionCount", world.relayers[0].address, "latest"), 16) - 1
    foreign = {"nonce": taken, "to": world.brand.address, "value": 1, "gas": 21_000, "data": b""}
    raw, _ = world.relayers[0].sign_transaction(
        {"type": 2, "chainId": 31337, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, **foreign}
    )
    world.anvil.reorg(1, [("0x" + raw.hex(), 0)])
    submission = world.submission(limits=impatient())
    world.indexing().tick()
    with pytest.raises(Halted, match="somebody else signs"):
        submission.tick()
    world.redeem(batch, 1)
    with pytest.raises(Halted):
        submission.tick()
    assert world.services.status.gauges()["senders_halted"] == 1
    assert "somebody else signs" in " ".join(world.services.status.faults()), "nobody is left who could sign"
    with world.database.write("test") as session:
        stopped = session.scalars(select(Sender)).one()
        mine = {column.name: getattr(stopped, column.name) for column in Sender.__table__.columns}
        session.add(Sender(**mine | {"signer": world.brand.address, "halted": None}))
    assert world.services.status.faults() == [], "another signer works the queue off"
    world.anvil.mine(70)  # the foreign transaction is final: ours can never be mined
    while world.indexing().tick():
        pass
    assert submission.resume() == 1
    submission.close()
    world.settle()
    with world.database.read() as session:
        assert {o.status for o in session.scalars(select(Operation))} == {OperationStatus.INCLUDED}


def impatient():
    from dataclasses import replace

    from provenance.core.sending import Patience
    from tests.faults.world import QUICK

    return replace(QUICK, patience=Patience(foreign_after=0.0))


def test_a_node_that_lags_is_waited_for_and_not_believed(world: World) -> None:
    batch = world.mint(5)
    world.redeem(batch, 0)
    world.settle()
    indexing, before = world.indexing(behind_seconds=60.0), snapshot(world)
    world.anvil.rpc("anvil_rollback", 1)
    for _ in range(5):
        assert not indexing.tick()
    assert snapshot(world) == before


@pytest.fixture
def final_node(tmp_path: Path):
    """A block is final after two."""
    node = Anvil(tmp_path / "final.log", "--slots-in-an-epoch", "1")
    yield node
    node.stop()


@pytest.mark.parametrize("manner", BREAKS)
def test_beyond_finality_it_halts_and_writes_nothing(final_node: Anvil, tmp_path: Path, manner: str) -> None:
    world = World(final_node, tmp_path, f"sqlite:///{tmp_path}/final.db")
    try:
        rehearse_halt(world, manner)
    finally:
        world.close()


def test_an_operation_that_builds_on_another_waits_for_it_after_a_reorg(world: World) -> None:
    """A mint, a transfer and a redemption on it, all orphaned: simulated at once, the later ones would be refused."""
    batch = world.mint(3)
    secret = world.transfer(batch, 0)
    world.settle()
    world.redeem(batch, 0, secret=secret, nonce=1)
    indexing = world.indexing()
    world.anvil.reorg(2)
    while world.cursor() != world.anvil.number() or indexing.tick():
        indexing.tick()
    world.settle()
    assert check(world).included == 3


def test_a_refusal_that_a_reorg_undid_is_decided_again(world: World) -> None:
    """Refused on the chain because the right was taken away one block before; that block disappears."""
    batch = world.mint(3)
    world.redeem(batch, 0)
    submission, indexing = world.submission(), world.indexing()
    world.anvil.rpc("evm_setAutomine", False)
    world.send(world.brand, calldata.encode_withdraw_redeemer(world.redeemer.address), mined=False)
    submission.tick()  # simulated at the cursor: it will execute
    world.anvil.mine()
    while indexing.tick():
        pass
    with world.database.read() as session:
        refused = session.scalar(select(Operation).where(Operation.kind == "redeem"))
        assert refused is not None
        assert (refused.status, refused.reason) == (OperationStatus.REFUSED, "redeemer_not_authorized")
    world.anvil.rpc("evm_setAutomine", True)
    world.anvil.reorg(1)
    submission.close()
    world.settle()
    assert check(world).included == 2


def test_the_depth_and_number_of_reorgs_are_told(world: World) -> None:
    world.mint(2)
    world.anvil.mine(5)
    world.settle()
    world.anvil.reorg(3)
    world.settle()
    with world.database.read() as session:
        cursor = session.get_one(Cursor, 1)
        assert (cursor.reorgs, cursor.deepest_reorg) == (1, 3)
        assert session.scalars(select(Attempt)).all()
