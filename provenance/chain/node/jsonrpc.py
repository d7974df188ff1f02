"""JSON-RPC 2.0: parses requests and batches, and turns every outcome into a response object."""

from __future__ import annotations

import json
import logging
from typing import Any

from provenance.chain.node.encoding import Json
from provenance.chain.node.methods import execute
from provenance.chain.node.node import Node
from provenance.chain.node.parameters import INVALID_PARAMS, Params
from provenance.errors import RpcError

PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603
MAX_BATCH = 1000
MAX_DEPTH = 32

_log = logging.getLogger(__name__)


def handle(node: Node, body: bytes) -> Json:
    """The response to a body: an object, a list for a batch, or None if only notifications came."""
    if _too_deep(body):
        return _error(None, PARSE_ERROR, f"nested deeper than {MAX_DEPTH} levels")
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return _error(None, PARSE_ERROR, "parse error: the body is not JSON")
    if not isinstance(request, list):
        return _respond(node, request)
    if not 0 < len(request) <= MAX_BATCH:
        return _error(None, INVALID_REQUEST, f"a batch holds 1 to {MAX_BATCH} requests, this one {len(request)}")
    return [response for item in request if (response := _respond(node, item)) is not None] or None


def _too_deep(body: bytes) -> bool:
    """Counts brackets, those in strings too. No request is deep, and json's recursive parser need not see one that is."""
    depth = deepest = 0
    for byte in body.translate(None, delete=_OTHERS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def _respond(node: Node, request: Any) -> Json:
    if not _is_request(request):
        return _error(None, INVALID_REQUEST, "invalid request: want jsonrpc 2.0, a method and a list of params")
    response = _outcome(node, request)
    return response if "id" in request else None


def _is_request(request: Any) -> bool:
    return (
        isinstance(request, dict)
        and request.get("jsonrpc") == "2.0"
        and isinstance(request.get("method"), str)
        and isinstance(request.get("id"), str | int | float | None)
    )


def _outcome(node: Node, request: dict[str, Any]) -> Json:
    params, identity = request.get("params"), request.get("id")
    if not isinstance(params, list | None):
        return _error(identity, INVALID_PARAMS, "non-array args")
    try:
        return {
            "jsonrpc": "2.0",
            "id": identity,
            "result": execute(node, request["method"], Params(params or [])),
        }
    except RpcError as e:
        return _error(identity, e.rpc_code, e.detail, e.data)
    except Exception:
        _log.exception("%s failed", request["method"][:64])
        return _error(identity, INTERNAL_ERROR, "internal error; the node's log has the details")


def _error(identity: object, code: int, message: str, data: object = None) -> Json:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return {"jsonrpc": "2.0", "id": identity, "error": error}
