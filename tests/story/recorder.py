"""A TCP forwarder that keeps every byte in both directions, so that a test can search the traffic for secrets."""

from __future__ import annotations

import contextlib
import socket
import threading


class Recorder:
    def __init__(self, port: int) -> None:
        self._target, self._lock = port, threading.Lock()
        self.traffic = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sockets = [self._listener]
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads[0].start()

    def close(self) -> None:
        for open_socket in self._sockets:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for open_socket in self._sockets:
            open_socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets.append(far)
                for pair in ((near, far), (far, near)):
                    self._threads.append(threading.Thread(target=self._pump, args=pair, daemon=True))
                    self._threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                with self._lock:
                    self.traffic += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
