"""Puts a node behind HTTP for web3.py, viem and browsers; what the calls mean is jsonrpc's business."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from provenance.chain.node.jsonrpc import handle
from provenance.chain.node.node import Node

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_BODY = 5 * 2**20
_IDLE_SECONDS = 60
_POLL_SECONDS = 0.05  # how long `close` may wait for the accepting thread

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


class _Handler(WSGIRequestHandler):
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True  # headers and body are two writes; with Nagle's the second waits for an ACK (40 ms)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing: requests are the application's to log."""


class NodeServer:
    """`url` is where it listens (bound at once, served from `start` on, by a thread); `close` ends it."""

    def __init__(self, node: Node, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = make_server(host, port, application(node), threaded=True, request_handler=_Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="node-rpc", daemon=True
        )
        self.url = f"http://{host}:{self._server.server_port}"

    def start(self) -> NodeServer:
        self._thread.start()
        return self

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def serve(node: Node, host: str = "127.0.0.1", port: int = 0) -> NodeServer:
    """A server for `node`, not yet started. Port 0 takes any free one; OSError if the port is taken."""
    return NodeServer(node, host, port)
