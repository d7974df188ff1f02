"""What is said again replaces all that was said before, field by field, and nothing that others said."""

from __future__ import annotations

from itertools import permutations

import pytest

from provenance.chain import calldata
from provenance.chain.calldata import Authorization, Brand
from tests.contract.world import FAR, World, person

OTHER, BOB = person("other brand"), person("bob")
# Shorter and longer than the 31 bytes that a string's own slot holds, and none at all.
SAID = [
    ("Cola", "https://c.example", b"\1" * 32),
    ("名" * 40, "https://" + "c" * 90 + ".example", b"\2" * 32),
    ("", "", bytes(32)),
]


def brand(world: World, who: str) -> Brand:
    return calldata.decode_brand(world.call(calldata.encode_brand_of(who)))


def supplier(world: World, by: str, who: str) -> Authorization:
    return calldata.decode_supplier_authorization(world.call(calldata.encode_supplier_authorization(by, who)))


def redeemer(world: World, by: str, who: str) -> int:
    return calldata.decode_redeemer_until(world.call(calldata.encode_redeemer_until(by, who)))


@pytest.mark.parametrize("between", ["nothing", "suspended"])
@pytest.mark.parametrize(("first", "second"), list(permutations(SAID, 2)))
def test_admitting_again_replaces_every_field(
    world: World, first: tuple[str, str, bytes], second: tuple[str, str, bytes], between: str
) -> None:
    me = world.brand.address
    world.send(world.admin, calldata.encode_admit_brand(me, *first))
    world.send(world.admin, calldata.encode_admit_brand(OTHER.address, *SAID[0]))
    before = supplier(world, me, world.supplier.address), redeemer(world, me, world.redeemer.address)
    if between == "suspended":
        world.send(world.admin, calldata.encode_suspend_brand(me))
        assert brand(world, me) == Brand(False, *first)
    world.send(world.admin, calldata.encode_admit_brand(me, *second))
    assert brand(world, me) == Brand(True, *second)
    assert brand(world, OTHER.address) == Brand(True, *SAID[0])
    assert (supplier(world, me, world.supplier.address), redeemer(world, me, world.redeemer.address)) == before


@pytest.mark.parametrize("place", range(3))
def test_one_field_changes_alone(world: World, place: int) -> None:
    changed = [*SAID[0][:place], SAID[1][place], *SAID[0][place + 1 :]]
    world.send(world.admin, calldata.encode_admit_brand(world.brand.address, *changed))  # type: ignore[arg-type]  # one list for three types
    assert brand(world, world.brand.address) == Brand(True, *changed)  # type: ignore[arg-type]  # one list for three types


@pytest.mark.parametrize("withdrawn", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    list(permutations([(2**64 - 1, FAR), (7, FAR), (2**64 - 1, 2**39), (0, 2**39), (2**33, 2**39 + 1)], 2)),
)
def test_authorising_again_replaces_quota_and_time(
    world: World, first: tuple[int, int], second: tuple[int, int], withdrawn: bool
) -> None:
    me, other = world.brand.address, world.supplier.address
    before = supplier(world, me, other)
    world.send(world.brand, calldata.encode_authorize_supplier(BOB.address, *first))
    world.send(world.brand, calldata.encode_authorize_redeemer(BOB.address, first[1]))
    if withdrawn:
        world.send(world.brand, calldata.encode_withdraw_supplier(BOB.address))
        assert redeemer(world, me, BOB.address) == first[1]
        world.send(world.brand, calldata.encode_withdraw_redeemer(BOB.address))
        assert supplier(world, me, BOB.address) == Authorization(0, 0)
        assert redeemer(world, me, BOB.address) == 0
    world.send(world.brand, calldata.encode_authorize_supplier(BOB.address, *second))
    world.send(world.brand, calldata.encode_authorize_redeemer(BOB.address, second[1]))
    assert supplier(world, me, BOB.address) == Authorization(*second)
    assert redeemer(world, me, BOB.address) == second[1]
    assert supplier(world, me, other) == before
    assert redeemer(world, me, world.redeemer.address) == FAR


def test_every_suspension_and_resumption_counts_one(world: World) -> None:
    batch, untouched = world.mint(), world.mint(name="untouched")
    for count in range(1, 7):
        encode = calldata.encode_suspend if count % 2 else calldata.encode_resume
        world.send(world.brand, encode(batch.batch_id))
        told = world.batch(batch)
        assert (told.suspended, told.suspensions) == (bool(count % 2), count)
        assert (told.root, told.count, told.expires_at) == (batch.mint.root, 3, FAR)
    assert (world.batch(untouched).suspended, world.batch(untouched).suspensions) == (False, 0)
