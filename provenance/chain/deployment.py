"""Where the registry is deployed and whether the code at an address is it. Pure: speaks no RPC, knows no key.

The address is the same on every chain for one admin: CREATE2 (EIP-1014) through the usual deterministic
deployment proxy (https://github.com/Arachnid/deterministic-deployment-proxy).
"""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.conversions import to_bytes

from provenance.chain.artifact import artifact
from provenance.core.encoding import Address, address_bytes, address_of, keccak
from provenance.core.statements import Domain

DEPLOYMENT_PROXY = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
SALT = keccak(b"voucher-provenance/registry/v1")
NAME, VERSION = "VoucherRegistry", "1"


def creation_code(admin: Address) -> bytes:
    """What creates a registry whose first registrar is `admin`: the data of a plain creation transaction."""
    return to_bytes(hexstr=artifact()["bytecode"]) + encode(["address"], [admin])


def deployment_calldata(admin: Address) -> bytes:
    """What to send to DEPLOYMENT_PROXY; it answers with the 20 bytes of `create2_address(admin)`."""
    return SALT + creation_code(admin)


def create2_address(admin: Address) -> Address:
    """Where the proxy deploys the registry of `admin`, on every chain; EIP-55."""
    return address_of(keccak(b"\xff", address_bytes(DEPLOYMENT_PROXY), SALT, keccak(creation_code(admin)))[12:])


def deployed_code(address: Address, chain_id: int) -> bytes:
    """The code that the artifact has at `address` on the chain, immutables filled in."""
    return _with_immutables(_immutables(address, chain_id))


def code_matches(deployed: bytes, address: Address | None = None, chain_id: int | None = None) -> bool:
    """Whether `deployed` (what eth_getCode answers) is the artifact's code.

    With address and chain id the immutables must have the values that they imply; without, they may have any,
    which proves the rules but not the EIP-712 domain.
    """
    if address is not None and chain_id is not None:
        return deployed == deployed_code(address, chain_id)
    references = artifact()["immutableReferences"]
    first = {name: places[0] for name, places in references.items()}
    own = {name: deployed[at["start"] : at["start"] + at["length"]] for name, at in first.items()}
    return deployed == _with_immutables(own)


def _immutables(address: Address, chain_id: int) -> dict[str, bytes]:
    """OpenZeppelin's EIP712 keeps these seven; a ShortString has its length in its last byte."""
    return {
        "_cachedChainId": chain_id.to_bytes(32, "big"),
        "_cachedDomainSeparator": Domain(chain_id, address).separator,
        "_cachedThis": address_bytes(address).rjust(32, b"\0"),
        "_hashedName": keccak(NAME.encode()),
        "_hashedVersion": keccak(VERSION.encode()),
        "_name": NAME.encode().ljust(31, b"\0") + bytes([len(NAME)]),
        "_version": VERSION.encode().ljust(31, b"\0") + bytes([len(VERSION)]),
    }


def _with_immutables(values: dict[str, bytes]) -> bytes:
    code = bytearray(to_bytes(hexstr=artifact()["deployedBytecode"]))
    for name, places in artifact()["immutableReferences"].items():
        for at in places:
            code[at["start"] : at["start"] + at["length"]] = values[name]
    return bytes(code)
