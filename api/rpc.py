"""POST /rpc: read-only JSON-RPC for browsers, so that they can read the chain for themselves. An allow-list, nothing else."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_openapi import APIBlueprint, Tag

from api import representation
from api.auth import services
from provenance.errors import ChainUnavailable, RpcError

MAX_BATCH = 20
METHODS = frozenset(
    {
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getProof",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "net_version",
        "web3_clientVersion",
    }
)

blueprint = APIBlueprint("rpc", __name__, abp_tags=[Tag(name="rpc")])


@blueprint.post("/rpc", summary="Read-only JSON-RPC (calls and logs of the registry alone)")
def rpc() -> Response:
    calls = request.get_json()
    if not isinstance(calls, list):
        return representation.document(_one(calls))
    if not 0 < len(calls) <= MAX_BATCH:
        return representation.document(_error(None, -32600, f"a batch has 1 to {MAX_BATCH} calls"))
    return representation.document([_one(call) for call in calls])


def _one(call: Any) -> dict[str, Any]:
    if not isinstance(call, dict) or not isinstance(call.get("method"), str):
        return _error(None, -32600, "a call is an object with jsonrpc, id, method and params")
    identity, method, params = call.get("id"), call["method"], call.get("params", [])
    if method not in METHODS:
        return _error(identity, -32601, f"{method[:60]} is not among the read-only methods offered here")
    if not isinstance(params, list) or not _about_registry(method, params):
        return _error(identity, -32602, f"{method} is offered for the registry's address alone")
    try:
        result = services().registry.rpc.request(method, params)
    except RpcError as error:
        return _error(identity, error.rpc_code or -32000, error.detail, error.data)
    except ChainUnavailable as error:
        return _error(identity, -32002, error.detail)
    return {"jsonrpc": "2.0", "id": identity, "result": result}


def _about_registry(method: str, params: list[Any]) -> bool:
    """Or this would be everybody's free node."""
    if method not in ("eth_call", "eth_getLogs"):
        return True
    subject = params[0] if params and isinstance(params[0], dict) else {}
    address = subject.get("to" if method == "eth_call" else "address")
    return isinstance(address, str) and address.lower() == services().registry.address.lower()


def _error(identity: object, code: int, message: str, data: object = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = "0x" + data.hex() if isinstance(data, bytes) else data
    return {"jsonrpc": "2.0", "id": identity if isinstance(identity, int | str) else None, "error": error}
