"""Every field of every event, in full, where signer, carrier, holder and party are four different people."""

from __future__ import annotations

from typing import Any

import pytest

from provenance.chain import calldata
from provenance.chain.calldata import Kind, Status
from provenance.chain.packing import pack
from tests.contract.sparse import MOST, op_at, sparse
from tests.contract.world import EVENTS, FAR, Event, World, person

NEW, BOB, CAROL, DAVE = (person(name) for name in ("new brand", "bob", "carol", "dave"))
FORMS = {"packed": lambda ops: calldata.encode_execute_packed(pack(ops)), "plain": calldata.encode_execute_plain}
SEEN_HERE = {"BrandAdmitted", "BrandSuspended", "SupplierAuthorized", "SupplierWithdrawn", "RedeemerAuthorized"}
SEEN_HERE |= {"RedeemerWithdrawn", "Minted", "Transferred", "Redeemed", "Revoked", "Suspended", "Resumed", "Refused"}
OPENZEPPELINS = {"RoleAdminChanged", "RoleGranted", "RoleRevoked", "EIP712DomainChanged"}


def low(account: Any) -> str:
    return str(account.address).lower()


def test_no_event_of_the_registry_is_left_out_here() -> None:
    assert {event["name"] for event in EVENTS.values()} - OPENZEPPELINS == SEEN_HERE


@pytest.mark.parametrize("licence", [bytes(31) + b"\1", b"\xff" * 32])
@pytest.mark.parametrize("text", ["", "新" * 40])
def test_a_brands_events_say_all_of_it(world: World, licence: bytes, text: str) -> None:
    brand = {"brand": low(NEW)}
    events = world.send(world.admin, calldata.encode_admit_brand(NEW.address, text, text + "/", licence))
    said = {"name": text, "url": text + "/", "licenceHash": licence}
    assert events == [Event("BrandAdmitted", brand | said)]
    assert world.send(world.admin, calldata.encode_suspend_brand(NEW.address)) == [Event("BrandSuspended", brand)]


@pytest.mark.parametrize(("quota", "until"), [(2**64 - 1, FAR), (0, 2**39), (2**32, 2**32)])
def test_an_authorisations_events_say_all_of_it(world: World, quota: int, until: int) -> None:
    supplier, redeemer = {"brand": low(world.brand), "supplier": low(BOB)}, {"brand": low(world.brand)}
    redeemer["redeemer"] = low(CAROL)
    for data, event in [
        (
            calldata.encode_authorize_supplier(BOB.address, quota, until),
            Event("SupplierAuthorized", supplier | {"quota": quota, "until": until}),
        ),
        (
            calldata.encode_authorize_redeemer(CAROL.address, until),
            Event("RedeemerAuthorized", redeemer | {"until": until}),
        ),
        (calldata.encode_withdraw_supplier(BOB.address), Event("SupplierWithdrawn", supplier)),
        (calldata.encode_withdraw_redeemer(CAROL.address), Event("RedeemerWithdrawn", redeemer)),
    ]:
        assert world.send(world.brand, data) == [event]


@pytest.mark.parametrize("carried", [False, True])
def test_a_mints_event_says_all_of_it(world: World, carried: bool) -> None:
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, MOST, FAR))
    mint = calldata.Mint(world.brand.address, b"\x81" * 32, MOST, FAR - 1, b"\x82" * 32, FAR)
    names = ("brand", "root", "count", "expiresAt", "termsHash", "deadline")
    signature = world.sign(world.supplier, "Mint", dict(zip(names, vars(mint).values(), strict=True)))
    if carried:
        events = world.send(world.stranger, calldata.encode_mint_for(mint, *signature))
    else:
        events = world.send(world.supplier, calldata.encode_mint(mint))
    told = world.call(calldata.encode_batch_id_of(mint, world.supplier.address))
    expected: dict[str, Any] = {"batchId": calldata.decode_batch_id(told)}
    expected |= {"brand": low(world.brand), "supplier": low(world.supplier), "root": mint.root, "count": MOST}
    assert events == [Event("Minted", expected | {"expiresAt": FAR - 1, "termsHash": mint.terms_hash})]


@pytest.mark.parametrize("form", list(FORMS))
def test_an_ops_event_names_batch_voucher_and_party_whoever_held_it(world: World, form: str) -> None:
    batch = sparse(world, [70_000, 70_001, 3])
    ops = [
        op_at(world, Kind.TRANSFER, batch, 0, party=BOB.address),
        world.transfer(batch, 70_000, BOB, CAROL, nonce=1),
        world.redeem(batch, 70_000, CAROL, nonce=2),
        op_at(world, Kind.REDEEM, batch, 1),
        op_at(world, Kind.REDEEM, batch, 1),
        op_at(world, Kind.REDEEM, batch, 2, party=DAVE.address),
    ]
    held, sealed = {"batchId": batch.batch_id, "index": 70_000}, {"batchId": batch.batch_id, "index": 70_001}
    refused = sealed | {"position": 4, "status": Status.ALREADY_REDEEMED}
    foreign = {"batchId": batch.batch_id, "index": 3, "position": 5, "status": Status.REDEEMER_NOT_AUTHORIZED}
    assert world.send(world.stranger, FORMS[form](ops)) == [
        Event("Transferred", held | {"to": low(BOB)}),
        Event("Transferred", held | {"to": low(CAROL)}),
        Event("Redeemed", held | {"redeemer": low(world.redeemer)}),
        Event("Redeemed", sealed | {"redeemer": low(world.redeemer)}),
        Event("Refused", refused),
        Event("Refused", foreign),
    ]


@pytest.mark.parametrize("form", list(FORMS))
def test_a_refusal_names_its_place_beyond_one_byte(world: World, form: str) -> None:
    batch = sparse(world, [0, 1])
    ops = [op_at(world, Kind.REDEEM, batch, 0, deadline=world.now - 1 - i % 2) for i in range(2)] * 150
    events = world.send(world.stranger, FORMS[form](ops))
    place = {"batchId": batch.batch_id, "index": 0, "status": Status.DEADLINE_PASSED}
    assert events == [Event("Refused", place | {"position": i}) for i in range(300)]


@pytest.mark.parametrize("carried", [False, True])
def test_a_revocations_events_name_supplier_place_and_reason(world: World, carried: bool) -> None:
    batch = sparse(world, [70_000, 5])
    indices = [70_000, MOST, 70_000]
    data, sender = calldata.encode_revoke(batch.batch_id, indices), world.supplier
    if carried:
        message = {"batchId": batch.batch_id, "indices": indices, "deadline": FAR}
        signature = world.sign(world.supplier, "Revoke", message)
        data, sender = calldata.encode_revoke_for(batch.batch_id, indices, FAR, *signature), world.stranger
    voucher = {"batchId": batch.batch_id, "index": 70_000}
    beyond = {"batchId": batch.batch_id, "index": MOST, "position": 1, "status": Status.INDEX_OUT_OF_RANGE}
    assert world.send(sender, data) == [
        Event("Revoked", voucher | {"supplier": low(world.supplier)}),
        Event("Refused", beyond),
        Event("Refused", voucher | {"position": 2, "status": Status.ALREADY_REVOKED}),
    ]


def test_a_suspensions_events_name_the_brand_whoever_carries_it(world: World) -> None:
    batch = world.mint()
    fields = {"batchId": batch.batch_id, "brand": low(world.brand)}
    assert world.send(world.brand, calldata.encode_suspend(batch.batch_id)) == [Event("Suspended", fields)]
    assert world.send(world.brand, calldata.encode_resume(batch.batch_id)) == [Event("Resumed", fields)]
    for nonce, name in ((2, "Suspended"), (3, "Resumed")):
        on = name == "Suspended"
        message = {"batchId": batch.batch_id, "suspended": on, "nonce": nonce, "deadline": FAR}
        signature = world.sign(world.brand, "Suspend", message)
        data = calldata.encode_suspend_for(batch.batch_id, on, nonce, FAR, *signature)
        assert world.send(world.stranger, data) == [Event(name, fields)]
