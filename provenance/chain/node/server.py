"""Puts a node behind HTTP for web3.py, viem and browsers; what the calls mean is jsonrpc's business."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from provenance.chain.node.jsonrpc import handle
from provenance.chain.node.node import Node
from provenance.httpd import HttpServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_BODY = 5 * 2**20

# Any page may read the chain; nothing here acts on a browser's identity, and the node signs for nobody.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "600",
}


def application(node: Node) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """A WSGI application: JSON-RPC by POST on any path."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MAX_BODY
        try:
            response = _respond(node, request)
        except HTTPException as e:
            response = Response(f"{e.code} {e.name}: {e.description}\n", e.code, e.get_headers())
            response.mimetype = "text/plain"
        response.headers.update(_CORS)
        return response(environ, start_response)

    return app


def _respond(node: Node, request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(status=204)
    if request.method != "POST":
        raise MethodNotAllowed(["POST", "OPTIONS"], "this is a JSON-RPC endpoint: POST to it")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send application/json")
    answer = handle(node, request.get_data())
    if answer is None:
        return Response(status=204)
    return Response(json.dumps(answer, separators=(",", ":")), mimetype="application/json")


def serve(node: Node, host: str = "127.0.0.1", port: int = 0) -> HttpServer:
    """A server for `node`, not yet started. Port 0 takes any free one; OSError if the port is taken."""
    return HttpServer(application(node), host, port)
