"""`provenance demo` as a process of its own, on free ports and a folder of its own: what `make run` starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from provenance.client import Client
from provenance.config import read_deployment
from provenance.core.encoding import Address
from provenance.core.statements import Domain

START_SECONDS, STOP_SECONDS = 90, 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class DemoProcess:
    def __init__(self, folder: Path, python: str | Path = sys.executable) -> None:
        """`python` has the program installed."""
        self.folder, self._python = folder, str(python)
        self.port, self.node_port = free_port(), free_port()
        self.api_url, self.rpc_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.node_port}"
        self.log = folder / "demo.log"
        self._process: subprocess.Popen[bytes] | None = None
        own = {"DATA_DIR": str(folder / "var"), "PORT": str(self.port), "RPC_URL": self.rpc_url, "RATE_LIMIT": ""}
        self.environment = {**os.environ, **own, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}

    def start(self) -> DemoProcess:
        """Returns when the welcome is printed."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        command = [self._python, "-m", "provenance", "demo"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=self.folder)
        give_up = time.monotonic() + START_SECONDS
        while b"Ctrl-C ends it" not in self.log.read_bytes()[seen:]:
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(f"the demo did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """kill -9"""
        assert self._process
        self._process.kill()
        self._process.wait()

    def interrupt(self) -> int:
        """Ctrl-C; the exit code. Where it does not end, the log gets the stacks of its threads."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            self._process.wait()
            raise AssertionError(f"Ctrl-C did not end it:\n{self.log.read_text()[-6000:]}") from None

    def cli(self, *arguments: str, api_url: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = self.environment | ({"API_URL": api_url} if api_url else {})
        command = [self._python, "-m", "provenance", *arguments]
        return subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=300)

    def client(self, role: str | None = None, api_url: str | None = None) -> Client:
        path = self.folder / "var" / "keys" / f"{role}.apikey"
        return Client(api_url or self.api_url, path.read_text().strip() if role else None)

    @property
    def domain(self) -> Domain:
        deployed = read_deployment(self.folder / "var")
        return Domain(int(deployed["chainId"]), Address(deployed["registry"]))

    def address(self, role: str) -> Address:
        from provenance.chain.keystore import read_address

        return read_address(self.folder / "var" / "keys" / f"{role}.json")
