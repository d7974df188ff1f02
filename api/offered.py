"""What POST /rpc offers of each method: the registry alone, its views alone, and no more gas or answer than those need."""

from __future__ import annotations

from typing import Any

from eth_utils.abi import function_abi_to_4byte_selector

from provenance.chain.artifact import functions

MAX_GAS = 1_000_000
MAX_CALLDATA = 16_384
"""Bytes: vouchersOf for more vouchers than MAX_GAS pays for."""
MAX_KEYS = 32
MAX_LOGS = 5_000

VIEWS = {
    "0x" + function_abi_to_4byte_selector(entry).hex(): name
    for name, entry in functions().items()
    if entry["stateMutability"] in ("view", "pure")
}
_OF_THE_REGISTRY = {"eth_getCode", "eth_getProof", "eth_getStorageAt"}


class NotOffered(ValueError):
    """Says which limit a call is beyond."""


def admit(method: str, params: list[Any], registry: str) -> list[Any]:
    """The params to ask the node with. Raises NotOffered."""
    if method == "eth_call":
        return _view(params, registry)
    if method == "eth_getLogs":
        subject = params[0] if params and isinstance(params[0], dict) else {}
        named = subject.get("address")
        _require_registry(method, named if isinstance(named, list) else [named], registry)
    if method in _OF_THE_REGISTRY:
        _require_registry(method, params[:1], registry)
    if method == "eth_getProof" and len(params) > 1 and isinstance(params[1], list) and len(params[1]) > MAX_KEYS:
        raise NotOffered(f"eth_getProof is offered for at most {MAX_KEYS} storage keys, not {len(params[1])}")
    return params


def _view(params: list[Any], registry: str) -> list[Any]:
    """Only what a view needs, and our own gas: overriding state or balance is work for somebody else's node."""
    message = params[0] if params and isinstance(params[0], dict) else {}
    _require_registry("eth_call", [message.get("to")], registry)
    if len(params) > 2:
        raise NotOffered("eth_call is offered with a message and a block, without overrides")
    data = message.get("data", message.get("input"))
    if not isinstance(data, str) or data[:10].lower() not in VIEWS:
        raise NotOffered("eth_call is offered for the registry's views: " + ", ".join(sorted(VIEWS.values())))
    if len(data) > 2 + 2 * MAX_CALLDATA:
        raise NotOffered(f"eth_call is offered with at most {MAX_CALLDATA} bytes of data; ask for fewer at once")
    return [{"to": registry, "data": data, "gas": hex(MAX_GAS)}, *params[1:]]


def _require_registry(method: str, addresses: list[Any], registry: str) -> None:
    """Or this would be everybody's free node."""
    ours = registry.lower()
    if not addresses or not all(isinstance(address, str) and address.lower() == ours for address in addresses):
        raise NotOffered(f"{method} is offered for the registry's address alone")


def require_short(method: str, result: Any) -> None:
    if method == "eth_getLogs" and isinstance(result, list) and len(result) > MAX_LOGS:
        raise NotOffered(f"more than {MAX_LOGS} logs; ask for fewer blocks at once")
