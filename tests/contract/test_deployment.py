"""The deterministic address, the committed bytes, and recognising them at an address."""

from __future__ import annotations

import json

import pytest
from eth_utils import to_bytes, to_checksum_address

from provenance.chain import deployment
from provenance.chain.artifact import artifact
from scripts import compile as build
from tests.contract.world import World, person

# The deterministic deployment proxy's own code, from its repository.
PROXY = "0x604580600e600039806000f350fe"
PROXY += "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
PROXY += "3601600081602082378035828234f58015156039578182fd"
PROXY += "5b8082525050506014600cf3"


def test_the_artifact_is_what_the_sources_give() -> None:
    committed = json.loads(build.ARTIFACT.read_text())
    assert build.differences(committed, build.artifact()) == []


def test_drift_is_named() -> None:
    committed = json.loads(build.ARTIFACT.read_text())
    changed = {
        **committed,
        "abi": [],
        "sources": {**committed["sources"], "contracts/Statements.sol": "0x00"},
    }
    assert build.differences(changed, committed) == ["abi", "source contracts/Statements.sol"]


def code_at(world: World, address: str) -> bytes:
    return to_bytes(hexstr=world.tester.get_code(address))


def test_deployed_code_is_recognised_to_the_last_immutable(world: World) -> None:
    code = code_at(world, world.address)
    assert deployment.deployed_code(world.address, world.chain_id) == code
    assert deployment.code_matches(code)
    assert deployment.code_matches(code, world.address, world.chain_id)
    assert not deployment.code_matches(code, world.address, world.chain_id + 1)
    assert not deployment.code_matches(code, person("else").address, world.chain_id)


def test_any_other_code_is_not_taken_for_it(world: World) -> None:
    code = code_at(world, world.address)
    for other in (b"", code[:-1], code + b"\0", code.replace(b"\x57", b"\x50", 1)):
        assert not deployment.code_matches(other)
        assert not deployment.code_matches(other, world.address, world.chain_id)


def test_code_with_another_domain_matches_only_without_one(world: World) -> None:
    code = bytearray(code_at(world, world.address))
    for at in artifact()["immutableReferences"]["_cachedDomainSeparator"]:
        code[at["start"]] ^= 1
    assert deployment.code_matches(bytes(code))
    assert not deployment.code_matches(bytes(code), world.address, world.chain_id)


def test_the_proxy_deploys_to_the_address_that_is_foretold(world: World) -> None:
    """With a proxy of our own, as the embedded chain has none at the usual address; the formula is one."""
    sent = world.tester.send_transaction({"from": world.admin.address, "data": PROXY, "gas": 200_000})
    proxy = world.tester.get_transaction_receipt(sent)["contract_address"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment, "DEPLOYMENT_PROXY", proxy)
        foretold = deployment.create2_address(world.admin.address)
    data = "0x" + deployment.deployment_calldata(world.admin.address).hex()
    world.tester.send_transaction({"from": world.stranger.address, "to": proxy, "data": data, "gas": 8_000_000})
    assert deployment.code_matches(code_at(world, foretold), foretold, world.chain_id)
    assert to_checksum_address(foretold) == foretold
