"""Breaks what was final, and looks whether everything stops: a chain whose blocks are final after two."""

from __future__ import annotations

from provenance.errors import ProvenanceError
from tests.faults.anvil import Anvil
from tests.faults.reorging import snapshot
from tests.faults.world import World

BREAKS = ("reorg", "rollback", "reset", "chain id")


def rehearse_halt(world: World, manner: str) -> None:
    """Raises AssertionError where a row was written after the break, or nobody is told of it."""
    batch = world.mint(5)
    world.redeem(batch, 0)
    world.settle()
    world.anvil.mine(5)
    world.settle()
    world.redeem(batch, 1)
    before = snapshot(world)
    break_finality(world.anvil, manner)
    refuse_everything(world)
    assert snapshot(world) == before, f"{manner}: something was written"
    assert world.services.status.faults(), f"{manner}: it still calls itself ready"


def break_finality(node: Anvil, manner: str) -> None:
    if manner == "reorg":
        node.reorg(4)
    elif manner == "rollback":
        node.rpc("anvil_rollback", 5)
    elif manner == "reset":
        node.rpc("anvil_reset")
    else:
        node.rpc("anvil_setChainId", 424242)


def refuse_everything(world: World) -> None:
    indexing, submission = world.indexing(), world.submission()
    for step in (indexing, submission, indexing, submission):
        try:
            assert not step.tick()
        except ProvenanceError:
            continue
    submission.close()
