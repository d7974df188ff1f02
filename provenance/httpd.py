"""A small threaded HTTP server for one process on one machine: the demo, the embedded node, the tests.

`provenance serve` runs gunicorn.
"""

from __future__ import annotations

import errno
import socket
import threading
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

IDLE_SECONDS = 30
POLL_SECONDS = 0.05


class _Handler(WSGIRequestHandler):
    timeout = IDLE_SECONDS
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes; Nagle's would hold the second back 40 ms

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing: requests are the application's to log, without their query."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError that names the port and what to do about it.

    werkzeug's own way prints two lines and ends the process with 1, which on our command line means "no".
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            detail = f"port {port} at {host} is taken by another program; stop it, or choose another port"
            raise OSError(detail) from error
        raise OSError(f"cannot listen at {host}, port {port}: {error.strerror}") from error


class HttpServer:
    """`url` is where it listens, bound at once and served from `start` on; port 0 takes any free one.

    Raises OSError like `listen`.
    """

    def __init__(self, app: Any, host: str = "127.0.0.1", port: int = 0) -> None:
        with listen(host, port) as bound:  # werkzeug keeps a copy of its own
            self._server = make_server(host, port, app, threaded=True, request_handler=_Handler, fd=bound.fileno())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="http", daemon=True
        )
        self.url = f"http://{host}:{self._server.port}"

    def start(self) -> HttpServer:
        self._thread.start()
        return self

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
