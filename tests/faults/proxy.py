"""The one fault proxy between us and the node: it passes calls on, or does what bad nodes and bad networks do."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mode(StrEnum):
    PASS = "pass"
    HANG = "hang"
    RESET = "reset"
    HTTP_429 = "429"
    HTTP_502 = "502"
    HTML = "html"
    JUNK = "junk"
    TRUNCATED = "truncated"
    NULL = "null"
    WRONG_ID = "wrong id"
    WRONG_SHAPE = "wrong shape"
    WRONG_BLOCK = "wrong block"
    OTHER_HASH = "other hash"
    OTHER_BITS = "other bits"
    EMPTY_CALL = "empty call"
    ERROR = "error"
    UNDERPRICED = "underpriced"
    DRIP = "drip"
    EMPTY_LOGS = "empty logs"
    MISSING_LOG = "missing log"
    LANDED_502 = "landed, then 502"
    LANDED_RESET = "landed, then reset"


LIES = (Mode.EMPTY_CALL, Mode.EMPTY_LOGS, Mode.MISSING_LOG, Mode.OTHER_HASH, Mode.OTHER_BITS)
NO_ANSWER = tuple(mode for mode in Mode if mode not in (Mode.PASS, Mode.UNDERPRICED, *LIES))
"""Modes in which nothing can be learnt."""


class Proxy:
    """Every call counts in `seen`. `only`: methods that the mode is for (empty: all). `share`: of calls that it strikes."""

    def __init__(self, upstream: str) -> None:
        self.upstream, self.mode, self.only, self.share = upstream, Mode.PASS, frozenset[str](), 1.0
        self.seen: Counter[str] = Counter()
        self.landed = 0
        self.released = threading.Event()
        self._random = random.Random(1)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def doing(self, mode: Mode, only: Collection[str] = (), share: float = 1.0) -> Iterator[None]:
        self.released.clear()
        self.mode, self.only, self.share = mode, frozenset(only), share
        try:
            yield
        finally:
            self.mode = Mode.PASS
            self.released.set()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def choose(self, methods: Collection[str]) -> Mode:
        self.seen.update(methods)
        meant = not self.only or not self.only.isdisjoint(methods)
        return self.mode if meant and self._random.random() < self.share else Mode.PASS

    def forward(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken pipes are this server's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        calls = json.loads(body)
        calls = calls if isinstance(calls, list) else [calls]
        proxy = self.server.proxy
        mode = proxy.choose([call["method"] for call in calls])
        if mode in (Mode.LANDED_502, Mode.LANDED_RESET):
            proxy.forward(body)
            proxy.landed += 1
        if mode in (Mode.RESET, Mode.LANDED_RESET):
            self.connection.close()
            self.close_connection = True
        elif mode is Mode.HANG:
            proxy.released.wait(120)
            self.close_connection = True
        elif mode in _FIXED:
            self._answer(*_FIXED[mode])
        elif mode is Mode.UNDERPRICED:
            self._answer(200, json.dumps({"jsonrpc": "2.0", "id": calls[0]["id"], "error": _UNDERPRICED}).encode())
        elif mode is Mode.DRIP:
            self._drip(proxy.forward(body))
        elif mode is Mode.TRUNCATED:
            self._answer(200, proxy.forward(body)[:-7], promised=7)
        else:
            self._answer(200, self._altered(mode, calls, body))

    def _altered(self, mode: Mode, calls: list[dict[str, Any]], body: bytes) -> bytes:
        try:
            text = self.server.proxy.forward(body)
        except OSError:
            return b"<html>bad gateway</html>"
        if mode is Mode.PASS:
            return text
        document = json.loads(text)
        for call, answer in zip(calls, document if isinstance(document, list) else [document], strict=True):
            _alter(mode, call["method"], answer)
        return json.dumps(document).encode()

    def _answer(self, status: int, body: bytes, *, promised: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + promised))
        self.end_headers()
        self.wfile.write(body)
        if promised:
            self.connection.close()
            self.close_connection = True

    def _drip(self, body: bytes) -> None:
        """A byte every 0.2 s: each read succeeds, the whole never ends."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for place in range(len(body)):
            if self.server.proxy.released.wait(0.2):
                break
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
        self.close_connection = True


_UNDERPRICED = {"code": -32000, "message": "replacement transaction underpriced"}
_FIXED = {
    Mode.HTTP_429: (429, b'{"message": "slow down"}'),
    Mode.HTTP_502: (502, b"bad gateway"),
    Mode.LANDED_502: (502, b"bad gateway"),
    Mode.HTML: (200, b"<html><body>maintenance</body></html>"),
    Mode.JUNK: (200, bytes(range(256)) * 4),
}


def _alter(mode: Mode, method: str, answer: dict[str, Any]) -> None:
    if mode is Mode.NULL:
        answer["result"] = None
    elif mode is Mode.WRONG_ID:
        answer["id"] = answer["id"] + 1_000_000
    elif mode is Mode.WRONG_SHAPE:
        answer["result"] = {"unexpected": [1, 2, 3]}
    elif mode is Mode.ERROR:
        answer.pop("result", None)
        answer["error"] = {"code": -32603, "message": "internal error"}
    elif mode is Mode.WRONG_BLOCK and isinstance(answer.get("result"), dict) and "parentHash" in answer["result"]:
        answer["result"]["number"] = hex(int(answer["result"]["number"], 16) + 1)
    elif mode is Mode.EMPTY_CALL and method == "eth_call":
        answer["result"] = "0x"
    elif mode is Mode.OTHER_HASH and isinstance(answer.get("result"), dict) and "parentHash" in answer["result"]:
        answer["result"]["hash"] = "0x" + "ab" * 32
    elif mode is Mode.OTHER_BITS and method == "eth_call":
        answer["result"] = _other_bits(answer["result"])
    elif mode in (Mode.EMPTY_LOGS, Mode.MISSING_LOG) and method == "eth_getLogs":
        answer["result"] = [] if mode is Mode.EMPTY_LOGS else answer["result"][:-1]


def _other_bits(answer: str) -> str:
    """The answer of `vouchersOf`, with the first voucher's state told wrongly. Others pass."""
    words = [answer[start : start + 64] for start in range(2, len(answer), 64)]
    if len(words) < 3 or int(words[0], 16) != 32 or len(words) != 2 + 8 * int(words[1], 16):
        return answer
    words[2] = f"{4 - int(words[2], 16):064x}"  # sealed for redeemed, redeemed for sealed
    return "0x" + "".join(words)


def wait_until(condition: Any, seconds: float, what: str) -> float:
    """Seconds that it took. Raises AssertionError."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin
