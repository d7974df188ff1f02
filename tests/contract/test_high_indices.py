"""Every op and every view at every width of an index and of a nonce: only the voucher that was named is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provenance.chain import calldata
from provenance.chain.calldata import Kind, State, Status
from provenance.chain.packing import pack
from tests.contract.sparse import MOST, make_old, op_at, sparse
from tests.contract.world import Minted, World, person

WIDTHS = [0, 127, 128, 255, 256, 65_535, 65_536, 65_537, 2**24 - 1, 2**24, 2**31 - 1, 2**31, MOST - 1]
BOB, CAROL = person("bob"), person("carol")
FORMS = {"packed": lambda ops: calldata.encode_execute_packed(pack(ops)), "plain": calldata.encode_execute_plain}
LIVES: dict[str, tuple[State, int]] = {
    "transfer": (State.HELD, 1),
    "transfer twice": (State.HELD, 2),
    "redeem": (State.REDEEMED, 0),
    "transfer and redeem": (State.REDEEMED, 1),
    "revoke": (State.REVOKED, 0),
    "revoke by signature": (State.REVOKED, 0),
}


def live(world: World, batch: Minted, position: int, life: str, form: Callable[[Any], bytes]) -> list[Any]:
    """What the voucher goes through; answers the events."""
    index = batch.tree.leaves[position][0]
    if life == "revoke":
        return world.send(world.supplier, calldata.encode_revoke(batch.batch_id, [index]))
    if life == "revoke by signature":
        message = {"batchId": batch.batch_id, "indices": [index], "deadline": batch.mint.deadline}
        r, vs = world.sign(world.supplier, "Revoke", message)
        return world.send(
            world.stranger, calldata.encode_revoke_for(batch.batch_id, [index], batch.mint.deadline, r, vs)
        )
    if life == "redeem":
        return world.send(world.stranger, form([op_at(world, Kind.REDEEM, batch, position)]))
    ops = [op_at(world, Kind.TRANSFER, batch, position, party=BOB.address)]
    if life == "transfer twice":
        ops.append(world.transfer(batch, index, BOB, CAROL, nonce=1))
    if life == "transfer and redeem":
        ops.append(world.redeem(batch, index, BOB, nonce=1))
    return world.send(world.stranger, form(ops))


@pytest.mark.parametrize(
    ("life", "form"), [(life, form) for life in LIVES for form in FORMS if form == "plain" or "revoke" not in life]
)
def test_an_op_touches_the_voucher_of_its_whole_index(world: World, life: str, form: str) -> None:
    batch = sparse(world, WIDTHS)
    for position, index in enumerate(WIDTHS):
        others = [(batch.batch_id, index ^ 1 << bit) for bit in range(32)]
        before = world.call(calldata.encode_vouchers_of(others))
        events = live(world, batch, position, life, FORMS[form])
        assert {event.args["index"] for event in events} == {index}
        assert "Refused" not in {event.name for event in events}
        state, nonce = LIVES[life]
        told = world.voucher(batch, index)
        holder = {"transfer twice": CAROL.address}.get(life, BOB.address if nonce else "0x" + "00" * 20)
        assert (told.state, told.nonce, told.holder) == (state, nonce, holder)
        assert calldata.decode_vouchers(world.call(calldata.encode_vouchers_of([(batch.batch_id, index)]))) == [told]
        assert world.call(calldata.encode_vouchers_of(others)) == before


def test_an_index_at_the_count_is_out_of_range_for_every_op(world: World) -> None:
    batch = sparse(world, [MOST, 0])
    ops = [op_at(world, kind, batch, 0, party=world.redeemer.address) for kind in (Kind.REDEEM, Kind.TRANSFER)]
    for form in FORMS.values():
        assert world.statuses(form(ops)) == [Status.INDEX_OUT_OF_RANGE] * 2
    assert world.statuses(calldata.encode_revoke(batch.batch_id, [MOST]), world.supplier) == [Status.INDEX_OUT_OF_RANGE]
    assert world.voucher(batch, MOST).state == State.UNKNOWN


def test_many_indices_are_revoked_each_at_its_place(world: World) -> None:
    batch = sparse(world, WIDTHS)
    assert world.statuses(calldata.encode_revoke(batch.batch_id, WIDTHS), world.supplier) == [Status.EXECUTED] * 13
    assert {world.voucher(batch, index).state for index in WIDTHS} == {State.REVOKED}


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("nonce", [255, 256, 65_535, 65_536, 2**24 - 1, 2**24, 2**31, 2**32 - 2])
def test_a_nonce_counts_on_at_every_width(world: World, nonce: int, form: str) -> None:
    batch = sparse(world, WIDTHS)
    make_old(world, batch, 65_537, BOB.address, nonce)
    stale = world.transfer(batch, 65_537, BOB, CAROL, nonce=nonce & 0xFFFF if nonce > 0xFFFF else 0)
    ops = [stale, world.transfer(batch, 65_537, BOB, CAROL, nonce=nonce)]
    ops.append(world.redeem(batch, 65_537, CAROL, nonce=nonce + 1))
    assert world.statuses(FORMS[form](ops)) == [Status.WRONG_NONCE, Status.EXECUTED, Status.EXECUTED]
    told = world.voucher(batch, 65_537)
    assert (told.state, told.holder, told.nonce) == (State.REDEEMED, CAROL.address, nonce + 1)
