"""Where the registry is deployed and whether the code there is the committed artifact. Pure; sends nothing.

The address is deterministic (CREATE2, EIP-1014) through the proxy that most chains have, so that it can be told in advance.
"""

from __future__ import annotations

from eth_abi.abi import encode

from provenance.chain.artifact import artifact
from provenance.core.encoding import Address, address_bytes, address_of, keccak
from provenance.core.statements import Domain

DEPLOYMENT_PROXY = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
SALT = bytes(32)


def init_code(admin: Address) -> bytes:
    """The contract's creation code with its constructor's argument."""
    return bytes.fromhex(artifact()["bytecode"].removeprefix("0x")) + encode(["address"], [admin])


def create2_address(admin: Address) -> Address:
    """keccak(0xff ‖ proxy ‖ salt ‖ keccak(init code)), last 20 bytes."""
    return address_of(keccak(b"\xff", address_bytes(DEPLOYMENT_PROXY), SALT, keccak(init_code(admin)))[12:])


def deployment_calldata(admin: Address) -> bytes:
    """What the deployment proxy takes: salt ‖ init code."""
    return SALT + init_code(admin)


def code_matches(deployed: bytes, address: Address, chain_id: int) -> bool:
    """The deployed code is the artifact's, its immutables (the EIP-712 domain) set aside and checked by their place."""
    expected = bytearray.fromhex(artifact()["deployedBytecode"].removeprefix("0x"))
    if len(deployed) != len(expected):
        return False
    found = bytearray(deployed)
    immutables = set()
    for places in artifact()["immutableReferences"].values():
        for place in places:
            span = slice(place["start"], place["start"] + place["length"])
            immutables.add(bytes(found[span]))
            found[span] = expected[span] = bytes(place["length"])
    domain = Domain(chain_id, address)
    own = {domain.separator, address_bytes(address).rjust(32, b"\0"), chain_id.to_bytes(32, "big")}
    return found == expected and own <= immutables
