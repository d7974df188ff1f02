"""Transfers and redemptions of protocol.md, 5: what each status is for, in the packed and the plain form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provenance.chain import calldata
from provenance.chain.calldata import Kind, Op, State, Status
from provenance.chain.packing import pack
from provenance.core.fingerprint import leaf
from tests.contract.world import ZERO, Minted, Reverted, World, person

ENCODERS = {
    "packed": lambda ops: calldata.encode_execute_packed(pack(ops)),
    "plain": calldata.encode_execute_plain,
}


@pytest.fixture(params=list(ENCODERS))
def execute(world: World, request: pytest.FixtureRequest) -> Any:
    return lambda *ops: world.statuses(ENCODERS[request.param](ops))


def test_holder_transfers_and_the_receiver_redeems(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    assert execute(world.transfer(batch, 1, batch.claims[1], bob)) == [Status.EXECUTED]
    voucher = world.voucher(batch, 1)
    assert (voucher.state, voucher.holder, voucher.nonce) == (State.HELD, bob.address, 1)
    assert execute(world.redeem(batch, 1, bob, nonce=1)) == [Status.EXECUTED]
    voucher = world.voucher(batch, 1)
    assert (voucher.state, voucher.holder, voucher.nonce) == (State.REDEEMED, bob.address, 1)


def test_events_name_batch_voucher_and_party(world: World) -> None:
    batch, bob = world.mint(), person("bob")
    ops = world.transfer(batch, 1, batch.claims[1], bob), world.redeem(batch, 2, batch.claims[2])
    transferred, redeemed = world.send(world.stranger, calldata.encode_execute(ops))
    assert (transferred.name, redeemed.name) == ("Transferred", "Redeemed")
    assert transferred.args == {"batchId": batch.batch_id, "index": 1, "to": bob.address.lower()}
    assert redeemed.args == {
        "batchId": batch.batch_id,
        "index": 2,
        "redeemer": world.redeemer.address.lower(),
    }


def test_sealed_voucher_with_content_needs_its_content_hash(world: World, execute: Any) -> None:
    claim, content = person("claim"), b"\5" * 32
    batch = world.mint(2, leaves=[(0, claim.address, content), (1, claim.address, bytes(32))])
    assert execute(world.redeem(batch, 0, claim)) == [Status.NOT_IN_BATCH]
    assert execute(world.redeem(batch, 1, claim, content_hash=content)) == [Status.NOT_IN_BATCH]
    assert execute(world.redeem(batch, 0, claim, content_hash=content)) == [Status.EXECUTED]


def test_later_use_needs_no_proof(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    execute(world.transfer(batch, 0, batch.claims[0], bob))
    bare = replace(world.redeem(batch, 0, bob, nonce=1), content_hash=None, proof=())
    assert execute(bare) == [Status.EXECUTED]


def test_first_use_without_proof_is_refused(world: World, execute: Any) -> None:
    batch = world.mint()
    bare = replace(world.redeem(batch, 0, batch.claims[0]), content_hash=None, proof=())
    assert execute(bare) == [Status.NOT_IN_BATCH]


def test_unknown_batch(world: World, execute: Any) -> None:
    batch = replace(world.mint(), batch_id=b"\0" * 8)
    assert execute(world.redeem(batch, 0, batch.claims[0])) == [Status.UNKNOWN_BATCH]


def test_index_out_of_range(world: World, execute: Any) -> None:
    claim = person("claim")
    batch = world.mint(1, leaves=[(0, claim.address, bytes(32)), (1, claim.address, bytes(32))])
    assert execute(world.redeem(batch, 1, claim), world.redeem(batch, 0, claim)) == [
        Status.INDEX_OUT_OF_RANGE,
        Status.EXECUTED,
    ]


def test_deadline_is_the_last_second(world: World, execute: Any) -> None:
    batch = world.mint()
    late = world.redeem(batch, 0, batch.claims[0], deadline=world.now - 1)
    assert execute(late) == [Status.DEADLINE_PASSED]
    soon = world.redeem(batch, 0, batch.claims[0], deadline=world.now + 50)
    world.travel(world.now + 50)
    assert calldata.decode_execute_result(world.call(calldata.encode_execute([soon]))) == [Status.EXECUTED]


def test_cannot_redeem_twice(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    execute(world.transfer(batch, 1, batch.claims[1], bob))
    for op in (world.redeem(batch, 0, batch.claims[0]), world.redeem(batch, 1, bob, nonce=1)):
        assert execute(op, op) == [Status.EXECUTED, Status.ALREADY_REDEEMED]
        assert execute(op) == [Status.ALREADY_REDEEMED]


def test_cannot_transfer_what_is_redeemed_or_revoked(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    world.statuses(calldata.encode_revoke(batch.batch_id, [1]), world.supplier)
    execute(world.redeem(batch, 0, batch.claims[0]))
    ops = [world.transfer(batch, i, batch.claims[i], bob) for i in (0, 1)]
    assert execute(*ops) == [Status.ALREADY_REDEEMED, Status.ALREADY_REVOKED]


def test_expired_batch_moves_no_more(world: World, execute: Any) -> None:
    end = world.now + 1000
    batch = world.mint(expires_at=end)
    world.travel(end)
    assert execute(world.redeem(batch, 2, batch.claims[2])) == [Status.EXECUTED]  # the last second counts
    world.travel(end + 10)
    ops = world.redeem(batch, 0, batch.claims[0]), world.transfer(batch, 1, batch.claims[1], person("bob"))
    assert execute(*ops) == [Status.BATCH_EXPIRED] * 2


def test_the_first_reason_in_the_order_of_checks_is_told(world: World, execute: Any) -> None:
    end = world.now + 1000
    batch = world.mint(6, expires_at=end)
    nobody: dict[str, Any] = {"party": ZERO, "nonce": 5, "proof": []}
    execute(world.redeem(batch, 0, batch.claims[0]))
    world.statuses(calldata.encode_revoke(batch.batch_id, [1]), world.supplier)
    world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    world.send(world.admin, calldata.encode_suspend_brand(world.brand.address))
    assert execute(world.op(Kind.REDEEM, batch, 2, world.stranger, **nobody)) == [Status.BATCH_SUSPENDED]
    world.send(world.brand, calldata.encode_resume(batch.batch_id))
    assert execute(world.op(Kind.REDEEM, batch, 2, world.stranger, **nobody)) == [Status.BRAND_NOT_ADMITTED]
    world.send(world.admin, calldata.encode_admit_brand(world.brand.address, "", "", bytes(32)))
    assert execute(world.op(Kind.REDEEM, batch, 2, world.stranger, **nobody)) == [Status.REDEEMER_NOT_AUTHORIZED]
    assert execute(world.op(Kind.TRANSFER, batch, 2, world.stranger, **nobody)) == [Status.WRONG_NONCE]
    unsigned = replace(world.op(Kind.TRANSFER, batch, 2, world.stranger, party=ZERO), r=bytes(32))
    assert execute(unsigned) == [Status.INVALID_RECIPIENT]
    world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    world.travel(end + 10)
    ops = [world.redeem(batch, i, batch.claims[i]) for i in (0, 1, 2)]
    assert execute(*ops) == [Status.ALREADY_REDEEMED, Status.ALREADY_REVOKED, Status.BATCH_EXPIRED]
    late = [world.redeem(batch, i, batch.claims[0], deadline=1) for i in (0, 6)]
    assert execute(*late) == [Status.DEADLINE_PASSED, Status.INDEX_OUT_OF_RANGE]


def test_suspended_batch_or_brand_stops_redemptions_only(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    ops = world.redeem(batch, 0, batch.claims[0]), world.transfer(batch, 1, batch.claims[1], bob)
    assert execute(*ops) == [Status.BATCH_SUSPENDED, Status.EXECUTED]
    world.send(world.brand, calldata.encode_resume(batch.batch_id))
    world.send(world.admin, calldata.encode_suspend_brand(world.brand.address))
    ops = world.redeem(batch, 0, batch.claims[0]), world.transfer(batch, 2, batch.claims[2], bob)
    assert execute(*ops) == [Status.BRAND_NOT_ADMITTED, Status.EXECUTED]
    assert not world.voucher(batch, 0).brand_admitted


def test_cannot_redeem_at_an_unauthorized_redeemer(world: World, execute: Any) -> None:
    batch = world.mint()
    refused = world.redeem(batch, 0, batch.claims[0], party=world.stranger.address)
    assert execute(refused) == [Status.REDEEMER_NOT_AUTHORIZED]
    until = world.now + 100
    world.send(world.brand, calldata.encode_authorize_redeemer(world.redeemer.address, until))
    world.travel(until)
    assert execute(world.redeem(batch, 0, batch.claims[0])) == [Status.EXECUTED]
    world.travel(until + 1)
    assert execute(world.redeem(batch, 1, batch.claims[1])) == [Status.REDEEMER_NOT_AUTHORIZED]


def test_cannot_use_another_nonce(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    early = world.redeem(batch, 0, batch.claims[0], nonce=1, proof=batch.tree.proof(0))
    assert execute(early) == [Status.WRONG_NONCE]
    execute(world.transfer(batch, 0, batch.claims[0], bob))
    assert execute(world.redeem(batch, 0, bob, nonce=0)) == [Status.WRONG_NONCE]


def test_cannot_transfer_to_nobody(world: World, execute: Any) -> None:
    batch = world.mint()
    op = world.op(Kind.TRANSFER, batch, 0, batch.claims[0], party=ZERO)
    assert execute(op) == [Status.INVALID_RECIPIENT]


def test_thief_is_not_the_holder(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    assert execute(world.redeem(batch, 0, world.stranger)) == [Status.NOT_IN_BATCH]
    execute(world.transfer(batch, 0, batch.claims[0], bob))
    for thief in (world.stranger, batch.claims[0]):
        assert execute(world.redeem(batch, 0, thief, nonce=1)) == [Status.NOT_HOLDER]


def test_a_voucher_may_come_back_to_its_claim_address(world: World, execute: Any) -> None:
    batch, bob = world.mint(), person("bob")
    claim = batch.claims[0]
    execute(world.transfer(batch, 0, claim, bob), world.transfer(batch, 0, bob, claim, nonce=1))
    assert world.voucher(batch, 0).holder == claim.address
    assert execute(world.redeem(batch, 0, claim, nonce=2)) == [Status.EXECUTED]


def test_one_leaf_batch_has_an_empty_proof(world: World, execute: Any) -> None:
    batch = world.mint(1)
    assert batch.tree.proof(0) == []
    assert execute(world.redeem(batch, 0, batch.claims[0])) == [Status.EXECUTED]


def test_vouchers_of_many_batches_in_one_answer(world: World) -> None:
    one, two = world.mint(name="one"), world.mint(name="two")
    world.execute(world.redeem(two, 1, two.claims[1]))
    asked = [(one.batch_id, 0), (two.batch_id, 1), (two.batch_id, 9), (b"\0" * 8, 0)]
    answers = calldata.decode_vouchers(world.call(calldata.encode_vouchers_of(asked)))
    assert [v.state for v in answers] == [State.SEALED, State.REDEEMED, State.UNKNOWN, State.UNKNOWN]


def test_cannot_ask_for_lists_of_different_length(world: World) -> None:
    data = calldata.encode_vouchers_of([(b"\0" * 8, 1)])
    one_more_index = data[:4] + data[4:-64].replace(b"", b"") + (2).to_bytes(32, "big") + bytes(64)
    with pytest.raises(Reverted, match=r"LengthsDiffer\(1, 2\)"):
        world.call(one_more_index)


# ------------------------------------------------------------------------------------------- the packed form


def known(batch: Minted, op: Op) -> Op:
    return replace(op, leaf=leaf(op.index, batch.claims[op.index].address, op.content_hash))


def test_shared_proofs_execute_every_op_of_a_batch(world: World) -> None:
    for count in (2, 3, 7, 64):
        batch = world.mint(count, name=str(count))
        ops = [known(batch, world.redeem(batch, i, batch.claims[i])) for i in range(count)]
        assert len(calldata.encode_execute(ops)) < len(calldata.encode_execute_plain(ops)) / 2
        assert world.execute(*ops) == [Status.EXECUTED] * count


def test_a_bad_proof_spoils_no_other_that_shares(world: World) -> None:
    batch = world.mint(16)
    ops = [known(batch, world.redeem(batch, i, batch.claims[i])) for i in range(16)]
    ops[3] = replace(ops[3], proof=batch.tree.proof(4))
    ops[5] = replace(ops[5], proof=ops[5].proof[:-1])
    ops[7] = replace(ops[7], proof=[*ops[7].proof, batch.tree.root])
    ops[9] = replace(ops[9], leaf=ops[8].leaf)
    ops[11] = replace(ops[11], content_hash=b"\1" * 32)
    bad = {3, 5, 7, 9, 11}
    expected = [Status.NOT_IN_BATCH if i in bad - {9} else Status.EXECUTED for i in range(16)]
    assert world.execute(*ops) == expected  # the leaf (9) only helps packing: the signature names the holder


def test_nodes_that_do_not_hash_to_the_root_refuse_first_uses_only(world: World) -> None:
    batch, bob = world.mint(4), person("bob")
    world.execute(world.transfer(batch, 0, batch.claims[0], bob))
    ops = [known(batch, world.redeem(batch, i, batch.claims[i])) for i in (1, 2)]
    later = replace(world.redeem(batch, 0, bob, nonce=1), content_hash=None, proof=())
    data = bytearray(calldata.encode_execute([*ops, later]))
    node = data.index(batch.tree.nodes[2]) if batch.tree.nodes[2] in data else data.index(batch.tree.nodes[5])
    data[node] ^= 1
    assert world.statuses(bytes(data)) == [Status.NOT_IN_BATCH, Status.NOT_IN_BATCH, Status.EXECUTED]


@pytest.mark.parametrize("cut", [1, 2, 31, 32, 33, 100])
def test_cannot_execute_a_packed_call_that_is_cut_or_longer(world: World, cut: int) -> None:
    batch = world.mint(4)
    packed = pack([known(batch, world.redeem(batch, i, batch.claims[i])) for i in range(4)])
    for broken in (packed[:-cut], packed + bytes(cut)):
        with pytest.raises(Reverted):
            world.call(calldata.encode_execute_packed(broken))
    assert set(calldata.decode_execute_result(world.call(calldata.encode_execute_packed(packed)))) == {Status.EXECUTED}


def test_cannot_leave_nodes_unpaired(world: World) -> None:
    batch = world.mint(2)
    nodes = b"".join(node + b"\0" for node in batch.tree.nodes[1:])
    data = bytes([1, 0, 0]) + batch.batch_id + bytes([0, 2]) + nodes
    with pytest.raises(Reverted, match="MalformedOps"):
        world.call(calldata.encode_execute_packed(data))


def test_no_ops_at_all_change_nothing(world: World) -> None:
    for encode in ENCODERS.values():
        assert world.statuses(encode([])) == []


def test_nothing_of_the_op_before_counts_for_the_next(world: World) -> None:
    """A packed op says "as before" of party and deadline only: never of content, node or proof."""
    claim, content = person("claim"), b"\5" * 32
    one = world.mint(1, leaves=[(0, claim.address, bytes(32))], name="one")
    bare = replace(world.redeem(one, 0, claim), content_hash=None, proof=())
    packed = calldata.encode_execute_packed(pack([world.redeem(one, 0, world.stranger), bare]))
    assert world.statuses(packed) == [Status.NOT_IN_BATCH] * 2
    two = world.mint(2, leaves=[(0, claim.address, content), (1, claim.address, bytes(32))], name="two")
    ops = [world.redeem(two, 0, claim, content_hash=content), world.redeem(two, 1, claim)]
    assert world.statuses(calldata.encode_execute_packed(pack(ops))) == [Status.EXECUTED] * 2
