"""A real node: anvil's own binary, started on a random port, killed with what it holds. One process a chain."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from scripts import node_tools

CHAIN_ID = 31337


class NodeError(Exception):
    """The node's own error object."""


class Anvil:
    """Speaks raw JSON-RPC with the standard library, so that no code of ours stands between a test and the chain."""

    def __init__(self, log: Path, *options: str) -> None:
        self._log, self._options, self._ids = log, options, itertools.count(1)
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """On the same port as before, where there was one."""
        command = [str(node_tools.foundry("anvil")), "--port", str(self.port), "--chain-id", str(CHAIN_ID)]
        command += ["--accounts", "1", "--order", "fifo", "--no-request-size-limit", *self._options]
        begin = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:  # a file: a pipe that nobody empties would stop it
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.port = self._wait(begin)

    def _wait(self, begin: int) -> int:
        """The port that it says it listens on."""
        for _ in range(1000):
            said = self._log.read_bytes()[begin:]
            if (place := said.find(b"Listening on")) >= 0 and b"\n" in said[place:]:
                return int(said[place:].split(b"\n")[0].rsplit(b":", 1)[1])
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"anvil did not start; see {self._log}")

    def rpc(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            document = json.load(answer)
        if "error" in document:
            raise NodeError(document["error"])
        return document["result"]

    def number(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def reorg(self, depth: int, kept: list[tuple[str, int]] | None = None) -> None:
        """Replaces the last `depth` blocks; `kept`: raw transactions and the new block (from 0) in which they are again."""
        self.rpc("anvil_reorg", depth, [[raw, place] for raw, place in kept or []])

    def pause(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGINT saves the state where `--state` was given."""
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(signal.SIGINT)
        self._end()

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def _end(self) -> None:
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
