"""Somebody else's server, as webhooks meet it: verifies signatures with the stock library, and fails when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """`answer` gives the status for the n-th request (from 0). `told` holds (id, body) of the messages that verified."""

    def __init__(self) -> None:
        self.secret, self.told, self.requests = "", list[tuple[str, Any]](), 0
        self.answer: Callable[[int], int] = lambda _: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answer(receiver.requests)
                receiver.requests += 1
                if status == 200:
                    Webhook(receiver.secret).verify(body, dict(self.headers.items()))
                    receiver.told.append((self.headers["webhook-id"], json.loads(body)))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
