"""An HTTP server that misbehaves in one chosen way, for testing what a client does about it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STOP_DRIPPING_AFTER = 30.0  # seconds


@dataclass
class Hostile:
    """`mode` is how it misbehaves, `requests` what it was asked; after `faults` requests it turns honest."""

    mode: str = ""
    url: str = ""
    answer: Any = "0x7a69"
    faults: int = 10**9
    requests: list[Any] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    hostile: Hostile
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.hostile.requests.append(request)
        honest = {
            "jsonrpc": "2.0",
            "id": request["id"] if isinstance(request, dict) else None,
            "result": self.hostile.answer,
        }
        if len(self.hostile.requests) > self.hostile.faults:
            return self.reply(json.dumps(honest).encode())
        return getattr(self, self.hostile.mode)(honest)  # type: ignore[no-any-return]

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def honest(self, response: dict[str, Any]) -> None:
        self.reply(json.dumps(response).encode())

    def hang(self, _: object) -> None:
        self.connection.settimeout(STOP_DRIPPING_AFTER)
        self.rfile.read(1)  # until the client goes away

    def drip_headers(self, _: object) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX: " + b"x" * 1000)

    def drip_body(self, _: object) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"[" * 1000)

    def drip(self, content: bytes) -> None:
        end = time.monotonic() + STOP_DRIPPING_AFTER
        for byte in content:
            if time.monotonic() > end:
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(0.05)

    def disconnect(self, _: object) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def throttle(self, _: object) -> None:
        self.reply(b"slow down", 429, Retry_After="0")

    def throttle_long(self, _: object) -> None:
        self.reply(b"slow down", 429, Retry_After="3600")

    def fail(self, response: dict[str, Any]) -> None:
        self.reply(json.dumps(response).encode(), 500)

    def redirect(self, _: object) -> None:
        self.reply(b"", 307, Location="http://127.0.0.1:1/")

    def html(self, _: object) -> None:
        self.reply(b"<!doctype html><title>Welcome to nginx!</title>")

    def truncated_json(self, response: dict[str, Any]) -> None:
        self.reply(json.dumps(response).encode()[:-5])

    def truncated_body(self, response: dict[str, Any]) -> None:
        body = json.dumps(response).encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 10) + body)
        self.connection.shutdown(socket.SHUT_RDWR)

    def not_http(self, _: object) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    def empty(self, _: object) -> None:
        self.reply(b"")

    def null(self, _: object) -> None:
        self.reply(b"null")

    def number(self, _: object) -> None:
        self.reply(b"5")

    def list_(self, response: dict[str, Any]) -> None:
        self.reply(json.dumps([response]).encode())

    def nested(self, _: object) -> None:
        self.reply(b"[" * 200_000)

    def not_utf8(self, _: object) -> None:
        self.reply(b"\xff\xfe\xfd")

    def wrong_id(self, response: dict[str, Any]) -> None:
        self.honest({**response, "id": response["id"] + 1})

    def text_id(self, response: dict[str, Any]) -> None:
        self.honest({**response, "id": str(response["id"])})

    def true_id(self, response: dict[str, Any]) -> None:
        self.honest({**response, "id": True})

    def no_id(self, response: dict[str, Any]) -> None:
        self.honest({"jsonrpc": "2.0", "result": response["result"]})

    def no_result(self, response: dict[str, Any]) -> None:
        self.honest({"jsonrpc": "2.0", "id": response["id"]})

    def odd_error(self, response: dict[str, Any]) -> None:
        self.honest({"jsonrpc": "2.0", "id": response["id"], "error": "no"})

    def refuse_batch(self, _: object) -> None:
        self.honest({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}})

    def error_object(self, response: dict[str, Any]) -> None:
        error = {"code": -32000, "message": "nonce too low", "data": {"have": 5}}
        self.honest({"jsonrpc": "2.0", "id": response["id"], "error": error})

    def huge(self, _: object) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**10))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 2**20)
        except OSError:
            return


@contextmanager
def hostile_server() -> Iterator[Hostile]:
    hostile = Hostile()
    handler = type("Handler", (_Handler,), {"hostile": hostile})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hostile.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield hostile
    server.shutdown()
    thread.join()
    server.server_close()
