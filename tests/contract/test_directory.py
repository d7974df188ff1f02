"""The directory of protocol.md, 5: a registrar admits brands, brands authorise suppliers and redeemers."""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

import pytest
from eth_utils import keccak
from eth_utils.abi import function_abi_to_4byte_selector

from provenance.chain import calldata
from provenance.chain.artifact import functions
from provenance.chain.calldata import Authorization, Brand
from scripts.node_tools import CONTRACTS
from tests.contract.world import FAR, ZERO, Event, Reverted, World, person

NEW = person("new brand")


def test_registrar_admits_a_brand_for_all_to_see(world: World) -> None:
    (event,) = world.send(world.admin, calldata.encode_admit_brand(NEW.address, "新", "https://n.example", b"\7" * 32))
    said = {"name": "新", "url": "https://n.example", "licenceHash": b"\7" * 32}
    assert event == Event("BrandAdmitted", {"brand": NEW.address.lower(), **said})
    brand = calldata.decode_brand(world.call(calldata.encode_brand_of(NEW.address)))
    assert brand == Brand(True, "新", "https://n.example", b"\7" * 32)


def test_admitting_again_replaces_what_is_said(world: World) -> None:
    world.send(world.admin, calldata.encode_admit_brand(world.brand.address, "Other", "", bytes(32)))
    assert calldata.decode_brand(world.call(calldata.encode_brand_of(world.brand.address))).name == "Other"


def test_only_a_registrar_admits_and_suspends_brands(world: World) -> None:
    for data in (
        calldata.encode_admit_brand(NEW.address, "", "", bytes(32)),
        calldata.encode_suspend_brand(world.brand.address),
    ):
        with pytest.raises(Reverted, match="AccessControlUnauthorizedAccount"):
            world.send(world.brand, data)


def test_cannot_admit_or_authorize_the_zero_address(world: World) -> None:
    with pytest.raises(Reverted, match="ZeroAddress"):
        world.send(world.admin, calldata.encode_admit_brand(ZERO, "", "", bytes(32)))
    for data in (
        calldata.encode_authorize_supplier(ZERO, 1, FAR),
        calldata.encode_authorize_redeemer(ZERO, FAR),
    ):
        with pytest.raises(Reverted, match="ZeroAddress"):
            world.send(world.brand, data)


def test_cannot_deploy_without_an_admin(world: World) -> None:
    with pytest.raises(Reverted, match="ZeroAddress"):
        World(world.tester, admin=ZERO)


def test_cannot_suspend_a_brand_that_is_not_admitted(world: World) -> None:
    with pytest.raises(Reverted, match="BrandNotAdmitted"):
        world.send(world.admin, calldata.encode_suspend_brand(NEW.address))


def test_suspended_brand_authorizes_nobody_but_may_withdraw(world: World) -> None:
    (event,) = world.send(world.admin, calldata.encode_suspend_brand(world.brand.address))
    assert event == Event("BrandSuspended", {"brand": world.brand.address.lower()})
    for data in (
        calldata.encode_authorize_supplier(world.supplier.address, 1, FAR),
        calldata.encode_authorize_redeemer(world.redeemer.address, FAR),
    ):
        with pytest.raises(Reverted, match="BrandNotAdmitted"):
            world.send(world.brand, data)
    world.send(world.brand, calldata.encode_withdraw_supplier(world.supplier.address))
    world.send(world.brand, calldata.encode_withdraw_redeemer(world.redeemer.address))


def supplier_authorization(world: World) -> Authorization:
    data = calldata.encode_supplier_authorization(world.brand.address, world.supplier.address)
    return calldata.decode_supplier_authorization(world.call(data))


def redeemer_until(world: World) -> int:
    data = calldata.encode_redeemer_until(world.brand.address, world.redeemer.address)
    return calldata.decode_redeemer_until(world.call(data))


def test_a_fresh_authorization_replaces_quota_and_time(world: World) -> None:
    (event,) = world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, 7, FAR - 1))
    names = {"brand": world.brand.address.lower(), "supplier": world.supplier.address.lower()}
    assert event == Event("SupplierAuthorized", {**names, "quota": 7, "until": FAR - 1})
    assert supplier_authorization(world) == Authorization(7, FAR - 1)
    (event,) = world.send(world.brand, calldata.encode_authorize_redeemer(world.redeemer.address, FAR - 2))
    names = {"brand": world.brand.address.lower(), "redeemer": world.redeemer.address.lower()}
    assert event == Event("RedeemerAuthorized", {**names, "until": FAR - 2})
    assert redeemer_until(world) == FAR - 2


def test_withdrawn_supplier_and_redeemer_have_nothing_left(world: World) -> None:
    (event,) = world.send(world.brand, calldata.encode_withdraw_supplier(world.supplier.address))
    assert event.name == "SupplierWithdrawn"
    assert supplier_authorization(world) == Authorization(0, 0)
    (event,) = world.send(world.brand, calldata.encode_withdraw_redeemer(world.redeemer.address))
    assert event.name == "RedeemerWithdrawn"
    assert redeemer_until(world) == 0


def test_cannot_withdraw_what_was_never_granted(world: World) -> None:
    with pytest.raises(Reverted, match="SupplierNotAuthorized"):
        world.send(world.stranger, calldata.encode_withdraw_supplier(world.supplier.address))
    with pytest.raises(Reverted, match="RedeemerNotAuthorized"):
        world.send(world.stranger, calldata.encode_withdraw_redeemer(world.redeemer.address))


def test_cannot_authorize_until_a_time_in_the_past(world: World) -> None:
    past = world.now - 1
    for data in (
        calldata.encode_authorize_supplier(world.supplier.address, 1, past),
        calldata.encode_authorize_redeemer(world.redeemer.address, past),
    ):
        with pytest.raises(Reverted, match="TimeInPast"):
            world.send(world.brand, data)


def test_admin_appoints_registrars(world: World) -> None:
    role = keccak(text="REGISTRAR_ROLE")
    world.send(world.admin, calldata.encode_grant_role(role, world.stranger.address))
    world.send(world.stranger, calldata.encode_admit_brand(NEW.address, "", "", bytes(32)))
    world.send(world.admin, calldata.encode_revoke_role(role, world.stranger.address))
    with pytest.raises(Reverted, match="AccessControlUnauthorizedAccount"):
        world.send(world.stranger, calldata.encode_suspend_brand(NEW.address))


def interface_id() -> bytes:
    """ERC-165: the exclusive or of the selectors of the functions that the interface file has."""
    names = re.findall(r"function (\w+)\(", (CONTRACTS / "IVoucherRegistry.sol").read_text())
    selectors = [int.from_bytes(function_abi_to_4byte_selector(functions()[name]), "big") for name in names]
    return reduce(xor, selectors).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("interface", "supported"),
    [("01ffc9a7", True), ("7965db0b", True), ("ffffffff", False), ("80ac58cd", False), ("registry", True)],
)
def test_erc165_tells_which_interfaces_there_are(world: World, interface: str, supported: bool) -> None:
    wanted = interface_id() if interface == "registry" else bytes.fromhex(interface)
    answer = world.call(bytes.fromhex("01ffc9a7") + wanted.ljust(32, b"\0"))
    assert bool(int.from_bytes(answer, "big")) is supported
