"""The invariants of protocol.md, 5, one test each. `forge/` attacks the same ones with random calls."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from provenance.chain import calldata
from provenance.chain.calldata import Kind, Op, State, Status
from tests.contract.fold import Fold, compare
from tests.contract.trees import parent
from tests.contract.world import FAR, Minted, Reverted, World, person

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BOB, CAROL = person("bob"), person("carol")


def test_1_facts_of_a_batch_never_change(world: World) -> None:
    batch = world.mint()
    before = world.batch(batch)
    world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    world.execute(world.transfer(batch, 0, batch.claims[0], BOB), world.redeem(batch, 0, BOB, nonce=1))
    world.statuses(calldata.encode_revoke(batch.batch_id, [1]), world.supplier)
    world.send(world.brand, calldata.encode_withdraw_supplier(world.supplier.address))
    world.send(world.admin, calldata.encode_suspend_brand(world.brand.address))
    assert replace(world.batch(batch), suspended=False, suspensions=0) == before
    assert before.count >= 1
    assert before.root != bytes(32)


def test_2_redeemed_never_goes_back_and_is_said_once(world: World) -> None:
    batch = world.mint()
    op = world.redeem(batch, 0, batch.claims[0])
    moved = [world.transfer(batch, 1, batch.claims[1], BOB), world.redeem(batch, 1, BOB, nonce=1)]
    events = world.send(world.stranger, calldata.encode_execute([op, op, *moved, moved[1]]))
    redeemed = [event.args["index"] for event in events if event.name == "Redeemed"]
    assert redeemed == [0, 1]
    world.statuses(calldata.encode_revoke(batch.batch_id, [0, 1]), world.supplier)
    world.execute(op, *moved)
    assert [world.voucher(batch, i).state for i in (0, 1)] == [State.REDEEMED] * 2


def test_3_an_op_changes_nothing_of_any_other_voucher(world: World) -> None:
    """Beyond 256 vouchers, so that every pair of neighbouring bits and words is among them."""
    batch = world.mint(300)
    for index in (0, 1, 127, 128, 129, 255, 256, 299):
        others = [(batch.batch_id, index ^ 1 << bit) for bit in range(10)]
        before = world.call(calldata.encode_vouchers_of(others))
        snapshot = world.tester.take_snapshot()
        for change in ("redeem", "transfer", "revoke"):
            if change == "revoke":
                world.statuses(calldata.encode_revoke(batch.batch_id, [index]), world.supplier)
            else:
                kind = Kind.REDEEM if change == "redeem" else Kind.TRANSFER
                party = (world.redeemer if change == "redeem" else BOB).address
                world.execute(world.op(kind, batch, index, batch.claims[index], party=party))
            assert world.voucher(batch, index).state != State.SEALED
            assert world.call(calldata.encode_vouchers_of(others)) == before
            world.tester.revert_to_snapshot(snapshot)
            snapshot = world.tester.take_snapshot()


@pytest.mark.parametrize("name", ["kind", "batch_id", "index", "party", "nonce", "deadline"])
def test_4_the_signature_is_over_each_field(world: World, name: str) -> None:
    batch, other = world.mint(4), world.mint(4, name="other")
    world.send(world.brand, calldata.encode_authorize_redeemer(BOB.address, FAR))
    world.execute(*(world.transfer(b, i, b.claims[i], CAROL) for b in (batch, other) for i in range(2)))
    good = world.op(Kind.TRANSFER, batch, 0, CAROL, party=BOB.address, nonce=1, deadline=FAR - 1)
    others: dict[str, Any] = {"kind": Kind.REDEEM, "batch_id": other.batch_id, "index": 1}
    others |= {"party": CAROL.address, "nonce": 0, "deadline": FAR}
    status = world.execute(replace(good, **{name: others[name]}))
    assert status == [Status.WRONG_NONCE if name == "nonce" else Status.NOT_HOLDER]
    assert world.execute(good) == [Status.EXECUTED]


def test_4_the_claim_address_authorizes_nothing_after_the_first_transfer(world: World) -> None:
    batch = world.mint()
    claim = batch.claims[0]
    world.execute(world.transfer(batch, 0, claim, BOB))
    again = [world.redeem(batch, 0, claim, nonce=n, proof=batch.tree.proof(0)) for n in (0, 1)]
    assert world.execute(*again) == [Status.WRONG_NONCE, Status.NOT_HOLDER]
    world.execute(world.transfer(batch, 0, BOB, claim, nonce=1))
    assert world.execute(world.redeem(batch, 0, claim, nonce=2)) == [Status.EXECUTED]


def test_5_two_leaves_with_one_index_yield_one_redemption(world: World) -> None:
    leaves = [(0, BOB.address, bytes(32)), (0, CAROL.address, bytes(32)), (2, BOB.address, bytes(32))]
    batch = world.mint(2, leaves=leaves)
    first = world.redeem(batch, 0, BOB, proof=batch.tree.proof(0))
    second = world.redeem(batch, 0, CAROL, proof=batch.tree.proof(1))
    beyond = world.redeem(batch, 2, BOB, proof=batch.tree.proof(2))
    statuses = world.execute(first, second, beyond)
    assert statuses == [Status.EXECUTED, Status.ALREADY_REDEEMED, Status.INDEX_OUT_OF_RANGE]


def test_5_membership_is_in_the_batchs_own_tree(world: World) -> None:
    batch, other = world.mint(4, name="a"), world.mint(4, name="b")
    foreign = world.redeem(batch, 1, other.claims[1], proof=other.tree.proof(1))
    assert world.execute(foreign) == [Status.NOT_IN_BATCH]


def test_6_nonce_counts_transfers_and_nothing_executes_after_the_end(world: World) -> None:
    batch = world.mint()
    holders = [batch.claims[0], BOB, CAROL, BOB]
    for n in range(3):
        assert world.voucher(batch, 0).nonce == n
        for wrong in {0, 1, 2, 3, 2**32 - 1} - {n}:
            op = world.transfer(batch, 0, holders[n], holders[n + 1], nonce=wrong, proof=batch.tree.proof(0))
            assert world.execute(op) == [Status.WRONG_NONCE]
        assert world.execute(world.transfer(batch, 0, holders[n], holders[n + 1], nonce=n)) == [Status.EXECUTED]
    world.execute(world.redeem(batch, 0, BOB, nonce=3))
    world.statuses(calldata.encode_revoke(batch.batch_id, [1]), world.supplier)
    after = [world.transfer(batch, 0, BOB, CAROL, nonce=3), world.redeem(batch, 1, batch.claims[1])]
    assert world.execute(*after) == [Status.ALREADY_REDEEMED, Status.ALREADY_REVOKED]


def test_7_twice_equals_once(world: World) -> None:
    batch = world.mint()
    ops = [world.transfer(batch, 0, batch.claims[0], BOB), world.redeem(batch, 1, batch.claims[1])]
    world.execute(*ops)
    once = [world.voucher(batch, i) for i in range(3)]
    assert Status.EXECUTED not in world.execute(*ops)
    assert [world.voucher(batch, i) for i in range(3)] == once


def test_7_ops_on_distinct_vouchers_commute_and_bad_ones_alter_nothing(world: World) -> None:
    batch = world.mint(4)
    ops = {
        0: world.redeem(batch, 0, batch.claims[0]),
        1: world.transfer(batch, 1, batch.claims[1], BOB),
        2: world.redeem(batch, 2, world.stranger),
    }
    outcomes = set()
    for order in permutations(ops):
        snapshot = world.tester.take_snapshot()
        statuses = dict(zip(order, world.execute(*(ops[i] for i in order)), strict=True))
        vouchers = tuple(world.voucher(batch, i) for i in range(4))
        outcomes.add((tuple(sorted(statuses.items())), vouchers))
        world.tester.revert_to_snapshot(snapshot)
    assert len(outcomes) == 1


def test_7_one_bad_op_in_200_changes_only_itself(world: World) -> None:
    batch = world.mint(200)
    ops = [world.redeem(batch, i, batch.claims[i]) for i in range(200)]
    ops[77] = world.redeem(batch, 77, world.stranger)
    assert world.execute(*ops) == [Status.NOT_IN_BATCH if i == 77 else Status.EXECUTED for i in range(200)]


def test_8_no_signature_of_another_chain_contract_or_kind(world: World) -> None:
    batch = world.mint()
    message = {"batchId": batch.batch_id, "index": 0, "nonce": 0, "deadline": FAR}
    redeem, transfer = (
        message | {"redeemer": world.redeemer.address},
        message | {"to": world.redeemer.address},
    )
    good = world.redeem(batch, 0, batch.claims[0])
    strangers = [
        world.sign(batch.claims[0], "Redeem", redeem, chainId=world.chain_id + 1),
        world.sign(batch.claims[0], "Redeem", redeem, verifyingContract=BOB.address),
        world.sign(batch.claims[0], "Redeem", redeem, name="Voucher Registry"),
        world.sign(batch.claims[0], "Redeem", redeem, version="2"),
        world.sign(batch.claims[0], "Transfer", transfer),
    ]
    assert world.execute(*(replace(good, r=r, vs=vs) for r, vs in strangers)) == [Status.NOT_IN_BATCH] * 5


def malleated(op: Op) -> Op:
    """n - s mostly does not fit EIP-2098's 255 bits, which is one more reason why it cannot work."""
    s, parity = int.from_bytes(op.vs, "big") & (2**255 - 1), op.vs[0] >> 7
    return replace(op, vs=(N - s | (1 - parity) << 255).to_bytes(32, "big"))


def test_8_no_malleated_or_empty_signature(world: World) -> None:
    batch = world.mint()
    good = world.redeem(batch, 0, batch.claims[0])
    high = replace(good, vs=(N // 2 + 1).to_bytes(32, "big"))
    bad = [high, replace(good, r=bytes(32)), replace(good, vs=bytes(32)), replace(good, r=b"\xff" * 32)]
    assert world.execute(*bad) == [Status.INVALID_SIGNATURE] * 4
    assert world.execute(malleated(good))[0] in (Status.INVALID_SIGNATURE, Status.NOT_IN_BATCH)
    assert world.execute(good) == [Status.EXECUTED]


def test_8_no_bit_of_a_signature_may_change(world: World) -> None:
    batch = world.mint()
    good = world.redeem(batch, 0, batch.claims[0])
    both = int.from_bytes(good.r + good.vs, "big")
    flipped = [(both ^ 1 << bit).to_bytes(64, "big") for bit in range(0, 512, 3)]
    statuses = world.execute(*(replace(good, r=sig[:32], vs=sig[32:]) for sig in flipped))
    assert set(statuses) <= {Status.INVALID_SIGNATURE, Status.NOT_IN_BATCH}


def test_9_no_inner_node_no_other_length_no_foreign_proof(world: World) -> None:
    batch, other = world.mint(8, name="a"), world.mint(8, name="b")
    good = world.redeem(batch, 3, batch.claims[3])
    proof = list(good.proof)
    bad = [proof[1:], proof[:-1], [*proof, batch.tree.root], [bytes(32), *proof], [], proof[::-1]]
    bad += [other.tree.proof(3), batch.tree.proof(2), [parent(proof[0], proof[1]), *proof[2:]]]
    assert world.execute(*(replace(good, proof=p) for p in bad)) == [Status.NOT_IN_BATCH] * len(bad)


def test_10_gas_does_not_depend_on_history_or_size(world: World) -> None:
    def redeeming(batch: Minted) -> int:
        return world.gas(world.stranger, calldata.encode_execute([world.redeem(batch, 0, batch.claims[0])]))

    small, large = world.mint(512, name="a"), world.mint(512, name="b")
    fresh = redeeming(small)
    ops = [world.redeem(large, i, large.claims[i]) for i in range(200, 400)]
    world.execute(*ops)
    assert abs(redeeming(large) - fresh) < 200  # zero bytes in calldata differ, nothing else


def test_10_two_hundred_ops_fit_a_transaction(world: World) -> None:
    batch = world.mint(256)
    ops = [world.redeem(batch, i, batch.claims[i], deadline=FAR - i) for i in range(200)]
    cap = 0.75 * 2**24  # EIP-7825
    assert world.gas(world.stranger, calldata.encode_execute(ops)) < cap
    assert world.gas(world.stranger, calldata.encode_execute_plain(ops)) < cap


def test_11_no_more_vouchers_than_the_brand_granted(world: World) -> None:
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 10, FAR))
    granted, minted = 10, 0
    for i, count in enumerate((4, 7, 6, 1, 3)):
        if minted + count > granted:
            with pytest.raises(Reverted, match="QuotaExceeded"):
                world.mint(count, name=f"quota {i}")
        else:
            world.mint(count, name=f"quota {i}")
            minted += count
        if i == 3:
            world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 2, FAR))
            granted = minted + 2
        assert minted <= granted


def test_12_the_fold_of_all_events_is_the_storage_and_there_is_no_ether(world: World) -> None:
    fold, batch = Fold(), world.mint(6)
    fold.take(world.history())
    for sender, data in (
        (world.stranger, calldata.encode_execute([world.transfer(batch, 0, batch.claims[0], BOB)])),
        (world.stranger, calldata.encode_execute([world.redeem(batch, i, batch.claims[i]) for i in (1, 1)])),
        (world.supplier, calldata.encode_revoke(batch.batch_id, [2, 0])),
        (world.stranger, calldata.encode_execute([world.redeem(batch, 0, BOB, nonce=1)])),
        (world.brand, calldata.encode_suspend(batch.batch_id)),
        (world.brand, calldata.encode_withdraw_redeemer(world.redeemer.address)),
    ):
        fold.take(world.send(sender, data))
    assert compare(world, fold) == []
    assert world.tester.get_balance(world.address) == 0
    with pytest.raises(Reverted):
        world.pay(1)
