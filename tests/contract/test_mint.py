"""Minting, revoking and suspending of protocol.md, 5."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak

from provenance.chain import calldata
from provenance.chain.calldata import Authorization, Mint, State, Status
from tests.contract.world import FAR, Minted, Reverted, World


@pytest.fixture
def terms(world: World) -> Mint:
    return Mint(world.brand.address, b"\1" * 32, 3, FAR, b"\2" * 32, FAR)


def signed(world: World, mint: Mint, signer: Any = None) -> bytes:
    message = dict(
        zip(("brand", "root", "count", "expiresAt", "termsHash", "deadline"), vars(mint).values(), strict=True)
    )
    return calldata.encode_mint_for(mint, *world.sign(signer or world.supplier, "Mint", message))


def batch_id(world: World, mint: Mint) -> bytes:
    """protocol.md, 2, written out."""
    types = ["uint256", "address", "address", "address", "bytes32", "uint32", "uint40", "bytes32"]
    values = (world.chain_id, world.address, mint.brand, world.supplier.address)
    values += (mint.root, mint.count, mint.expires_at, mint.terms_hash)
    return keccak(encode(types, values))[:8]


def test_batch_names_itself_before_it_is_minted(world: World, terms: Mint) -> None:
    wanted = batch_id(world, terms)
    told = world.call(calldata.encode_batch_id_of(terms, world.supplier.address))
    assert calldata.decode_batch_id(told) == wanted
    assert calldata.decode_batch_id(world.call(calldata.encode_mint(terms), world.supplier)) == wanted
    (event,) = world.send(world.supplier, calldata.encode_mint(terms))
    assert event.args["batchId"] == wanted


def test_a_minted_batch_is_public(world: World, terms: Mint) -> None:
    (event,) = world.send(world.supplier, calldata.encode_mint(terms))
    batch = calldata.decode_batch(world.call(calldata.encode_batch_of(event.args["batchId"])))
    facts = (terms.root, world.brand.address, 3, FAR, False, world.supplier.address, 0, terms.terms_hash)
    assert tuple(vars(batch).values()) == facts
    facts = (
        world.brand.address.lower(),
        world.supplier.address.lower(),
        terms.root,
        3,
        FAR,
        terms.terms_hash,
    )
    assert tuple(event.args.values())[1:] == facts


def test_anyone_carries_a_signed_mint(world: World, terms: Mint) -> None:
    (event,) = world.send(world.stranger, signed(world, terms))
    assert event.args["supplier"] == world.supplier.address.lower()
    assert event.args["batchId"] == batch_id(world, terms)


def test_minting_twice_is_one_mint(world: World, terms: Mint) -> None:
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 3, FAR))
    world.send(world.supplier, calldata.encode_mint(terms))
    for data in (calldata.encode_mint(terms), calldata.encode_mint(replace(terms, deadline=FAR - 1))):
        with pytest.raises(Reverted, match="BatchTaken"):
            world.send(world.supplier, data)


def test_a_mint_signed_by_another_is_another_suppliers(world: World, terms: Mint) -> None:
    with pytest.raises(Reverted, match="SupplierNotAuthorized"):
        world.send(world.stranger, signed(world, terms, world.stranger))


def test_cannot_mint_with_a_malformed_signature(world: World, terms: Mint) -> None:
    with pytest.raises(Reverted, match="InvalidSignature"):
        world.send(world.stranger, calldata.encode_mint_for(terms, bytes(32), bytes(32)))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"count": 0}, "EmptyBatch"),
        ({"root": bytes(32)}, "ZeroRoot"),
        ({"expires_at": 1}, "TimeInPast"),
        ({"deadline": 1}, "DeadlinePassed"),
        ({"brand": "0x" + "11" * 20}, "BrandNotAdmitted"),
    ],
)
def test_cannot_mint_nonsense(world: World, terms: Mint, change: dict[str, Any], error: str) -> None:
    with pytest.raises(Reverted, match=error):
        world.send(world.supplier, calldata.encode_mint(replace(terms, **change)))


def test_cannot_mint_for_a_suspended_brand(world: World, terms: Mint) -> None:
    world.send(world.admin, calldata.encode_suspend_brand(world.brand.address))
    with pytest.raises(Reverted, match="BrandNotAdmitted"):
        world.send(world.supplier, calldata.encode_mint(terms))


def test_cannot_mint_after_withdrawal_or_time(world: World, terms: Mint) -> None:
    until = world.now + 100
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 10, until))
    world.travel(until)
    world.send(world.supplier, calldata.encode_mint(terms))  # the last second counts
    world.travel(until + 1)
    with pytest.raises(Reverted, match="SupplierNotAuthorized"):
        world.send(world.supplier, calldata.encode_mint(replace(terms, count=2)))
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 10, FAR))
    world.send(world.brand, calldata.encode_withdraw_supplier(world.supplier.address))
    with pytest.raises(Reverted, match="SupplierNotAuthorized"):
        world.send(world.supplier, calldata.encode_mint(replace(terms, count=2)))


def test_cannot_mint_more_than_the_quota(world: World, terms: Mint) -> None:
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 5, FAR))
    world.send(world.supplier, calldata.encode_mint(terms))
    with pytest.raises(Reverted, match=r"QuotaExceeded\(2, 3\)"):
        world.send(world.supplier, calldata.encode_mint(replace(terms, root=b"\3" * 32)))
    world.send(world.supplier, calldata.encode_mint(replace(terms, count=2)))
    data = calldata.encode_supplier_authorization(world.brand.address, world.supplier.address)
    assert calldata.decode_supplier_authorization(world.call(data)) == Authorization(0, FAR)


def test_four_billion_vouchers_cost_what_one_costs(world: World, terms: Mint) -> None:
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 2**33, FAR))
    one = world.gas(world.supplier, calldata.encode_mint(replace(terms, count=1)))
    many = world.gas(world.supplier, calldata.encode_mint(replace(terms, count=2**32 - 1)))
    assert abs(one - many) <= 3 * 12  # three bytes of calldata are no longer zero
    assert many <= 130_000


# ------------------------------------------------------------------------------------------------ revocation


def revoke_for(world: World, batch: Minted, indices: list[int], signer: Any, deadline: int = FAR) -> bytes:
    message = {"batchId": batch.batch_id, "indices": indices, "deadline": deadline}
    r, vs = world.sign(signer, "Revoke", message)
    return calldata.encode_revoke_for(batch.batch_id, indices, deadline, r, vs)


def test_supplier_revokes_what_is_sealed_and_skips_the_rest(world: World) -> None:
    batch = world.mint(5)
    world.execute(world.redeem(batch, 0, batch.claims[0]), world.transfer(batch, 1, batch.claims[1], world.stranger))
    statuses = world.statuses(calldata.encode_revoke(batch.batch_id, [0, 1, 2, 2, 5]), world.supplier)
    assert statuses == [
        Status.ALREADY_REDEEMED,
        Status.NOT_SEALED,
        Status.EXECUTED,
        Status.ALREADY_REVOKED,
        Status.INDEX_OUT_OF_RANGE,
    ]
    states = [world.voucher(batch, i).state for i in range(6)]
    assert states == [State.REDEEMED, State.HELD, State.REVOKED, State.SEALED, State.SEALED, State.UNKNOWN]


def test_cannot_revoke_a_voucher_that_was_held_and_redeemed(world: World) -> None:
    batch = world.mint()
    world.execute(
        world.transfer(batch, 0, batch.claims[0], world.stranger),
        world.redeem(batch, 0, world.stranger, nonce=1),
    )
    statuses = world.statuses(calldata.encode_revoke(batch.batch_id, [0]), world.supplier)
    assert statuses == [Status.ALREADY_REDEEMED]


def test_only_the_batchs_supplier_revokes(world: World) -> None:
    batch = world.mint()
    with pytest.raises(Reverted, match="NotBatchSupplier"):
        world.send(world.brand, calldata.encode_revoke(batch.batch_id, [0]))
    with pytest.raises(Reverted, match="NotBatchSupplier"):
        world.send(world.stranger, revoke_for(world, batch, [0], world.brand))


def test_anyone_carries_a_signed_revocation_and_twice_is_once(world: World) -> None:
    batch = world.mint()
    data = revoke_for(world, batch, [1, 2], world.supplier)
    assert world.statuses(data) == [Status.EXECUTED] * 2
    assert world.statuses(data) == [Status.ALREADY_REVOKED] * 2


def test_cannot_carry_a_revocation_that_is_late_or_altered(world: World) -> None:
    batch = world.mint()
    with pytest.raises(Reverted, match="DeadlinePassed"):
        world.send(world.stranger, revoke_for(world, batch, [1], world.supplier, world.now - 1))
    message = {"batchId": batch.batch_id, "indices": [1], "deadline": FAR}
    r, vs = world.sign(world.supplier, "Revoke", message)
    with pytest.raises(Reverted, match="NotBatchSupplier"):
        world.send(world.stranger, calldata.encode_revoke_for(batch.batch_id, [2], FAR, r, vs))
    with pytest.raises(Reverted, match="InvalidSignature"):
        world.send(world.stranger, calldata.encode_revoke_for(batch.batch_id, [1], FAR, bytes(32), vs))


def test_cannot_revoke_or_suspend_an_unknown_batch(world: World) -> None:
    for data in (calldata.encode_revoke(b"\0" * 8, []), calldata.encode_suspend(b"\0" * 8)):
        with pytest.raises(Reverted, match="UnknownBatch"):
            world.send(world.supplier, data)


# ------------------------------------------------------------------------------------------------ suspension


def suspend_for(world: World, batch: Minted, on: bool, nonce: int, signer: Any, deadline: int = FAR) -> bytes:
    message = {"batchId": batch.batch_id, "suspended": on, "nonce": nonce, "deadline": deadline}
    r, vs = world.sign(signer, "Suspend", message)
    return calldata.encode_suspend_for(batch.batch_id, on, nonce, deadline, r, vs)


def test_brand_suspends_and_resumes_its_batch(world: World) -> None:
    batch = world.mint()
    (event,) = world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    assert (event.name, world.batch(batch).suspended, world.batch(batch).suspensions) == (
        "Suspended",
        True,
        1,
    )
    assert world.execute(world.redeem(batch, 0, batch.claims[0])) == [Status.BATCH_SUSPENDED]
    (event,) = world.send(world.brand, calldata.encode_resume(batch.batch_id))
    assert (event.name, world.batch(batch).suspended, world.batch(batch).suspensions) == ("Resumed", False, 2)
    assert world.execute(world.redeem(batch, 0, batch.claims[0])) == [Status.EXECUTED]


def test_only_the_batchs_brand_suspends(world: World) -> None:
    batch = world.mint()
    for data in (calldata.encode_suspend(batch.batch_id), calldata.encode_resume(batch.batch_id)):
        with pytest.raises(Reverted, match="NotBatchBrand"):
            world.send(world.supplier, data)
    with pytest.raises(Reverted, match="NotBatchBrand"):
        world.send(world.stranger, suspend_for(world, batch, True, 0, world.supplier))


def test_cannot_suspend_or_resume_twice(world: World) -> None:
    batch = world.mint()
    with pytest.raises(Reverted, match="NotSuspended"):
        world.send(world.brand, calldata.encode_resume(batch.batch_id))
    world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    with pytest.raises(Reverted, match="AlreadySuspended"):
        world.send(world.brand, calldata.encode_suspend(batch.batch_id))


def test_cannot_replay_a_signed_suspension(world: World) -> None:
    batch = world.mint()
    stop = suspend_for(world, batch, True, 0, world.brand)
    world.send(world.stranger, stop)
    world.send(world.stranger, suspend_for(world, batch, False, 1, world.brand))
    with pytest.raises(Reverted, match=r"WrongSuspensionNonce\(2, 0\)"):
        world.send(world.stranger, stop)


def test_cannot_carry_a_suspension_that_is_late_or_altered(world: World) -> None:
    batch = world.mint()
    with pytest.raises(Reverted, match="DeadlinePassed"):
        world.send(world.stranger, suspend_for(world, batch, True, 0, world.brand, world.now - 1))
    message = {"batchId": batch.batch_id, "suspended": False, "nonce": 0, "deadline": FAR}
    r, vs = world.sign(world.brand, "Suspend", message)
    with pytest.raises(Reverted, match="NotBatchBrand"):
        world.send(world.stranger, calldata.encode_suspend_for(batch.batch_id, True, 0, FAR, r, vs))
