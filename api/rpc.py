"""POST /rpc: read-only JSON-RPC for browsers, so that they can read the chain for themselves. An allow-list, nothing else."""

from __future__ import annotations

import time
from typing import Any

from flask import Response, json, request
from flask_openapi import APIBlueprint, Tag

from api import offered
from api.auth import services
from api.document import success
from provenance.errors import ChainUnavailable, RpcError

MAX_BATCH = 20
BATCH_SECONDS = 5.0
LATE, LATE_DETAIL = -32005, f"this batch has had its {BATCH_SECONDS:g} seconds; ask for fewer calls at once"
DEAD, DEAD_DETAIL = -32002, "the node did not answer an earlier call of this batch"
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

CALL = {"type": "object", "required": ["method"], "properties": {"method": {"enum": sorted(METHODS)}}}
CALLS: dict[str, Any] = {
    "content": {
        "application/json": {"schema": {"oneOf": [CALL, {"type": "array", "items": CALL, "maxItems": MAX_BATCH}]}}
    },
    "required": True,
}

ANSWERS = success(
    "An answer, or one for each call of a batch",
    "application/json",
    {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]},
)

blueprint = APIBlueprint("rpc", __name__, abp_tags=[Tag(name="rpc")])


@blueprint.post(
    "/rpc",
    summary="Read-only JSON-RPC (calls and logs of the registry alone)",
    request_body=CALLS,
    responses={200: ANSWERS},
)
def rpc() -> Response:
    calls = request.get_json()
    if not isinstance(calls, list):
        return _document(_one(calls))
    if not 0 < len(calls) <= MAX_BATCH:
        return _document(_error(None, -32600, f"a batch has 1 to {MAX_BATCH} calls"))
    return _document(_in_turn(calls, time.monotonic() + BATCH_SECONDS))


def _in_turn(calls: list[Any], deadline: float) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for call in calls:
        if time.monotonic() >= deadline:
            answers.append(_error(_identity(call), LATE, LATE_DETAIL))
        else:
            answers.append(_error(_identity(call), DEAD, DEAD_DETAIL) if _is_dead(answers) else _one(call))
    return answers


def _document(value: object) -> Response:
    """In ASCII: what strangers or the node say may hold what UTF-8 cannot (lone surrogates)."""
    return Response(json.dumps(value, ensure_ascii=True), mimetype="application/json")


def _is_dead(answers: list[dict[str, Any]]) -> bool:
    """One call of a batch has waited out its time: the others need not."""
    return bool(answers) and answers[-1].get("error", {}).get("code") == DEAD


def _identity(call: Any) -> int | str | None:
    identity = call.get("id") if isinstance(call, dict) else None
    return identity if isinstance(identity, int | str) and not isinstance(identity, bool) else None


def _one(call: Any) -> dict[str, Any]:
    if not isinstance(call, dict) or not isinstance(call.get("method"), str):
        return _error(None, -32600, "a call is an object with jsonrpc, id, method and params")
    identity, method, params = _identity(call), call["method"], call.get("params", [])
    if call.get("id") is not None and identity is None:
        return _error(None, -32600, "an id is a number or a string")
    if method not in METHODS:
        return _error(identity, -32601, f"{method[:60]} is not among the read-only methods offered here")
    if not isinstance(params, list):
        return _error(identity, -32602, "params is a list")
    try:
        asked = offered.admit(method, params, services().registry.address)
        result = services().registry.rpc.request(method, asked)
        offered.require_short(method, result)
    except offered.NotOffered as error:
        return _error(identity, -32602, str(error))
    except RpcError as error:
        return _error(identity, error.rpc_code or -32000, error.detail, error.data)
    except ChainUnavailable as error:
        return _error(identity, DEAD, error.detail)
    return {"jsonrpc": "2.0", "id": identity, "result": result}


def _error(identity: int | str | None, code: int, message: str, data: object = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = "0x" + data.hex() if isinstance(data, bytes) else data
    return {"jsonrpc": "2.0", "id": identity, "error": error}
