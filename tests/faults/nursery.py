"""Bears workers that can be killed: a process that has imported everything, and forks a worker in milliseconds.

Run as a program it reads one JSON order a line (Order's fields) and answers with the pid of a new worker.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Order:
    """`part`: submission, indexing, both, or naive (the control). `failpoints` as in provenance.failpoints."""

    part: str
    database_url: str
    rpc_url: str
    registry: str
    key: str
    failpoints: str = ""
    log: str = os.devnull
    most_blocks: int = 2000


class Nursery:
    def __init__(self, directory: Path) -> None:
        with (directory / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def bear(self, order: Order) -> Child:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the nursery has died; see nursery.log"
        return Child(int(answer))

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Child:
    """A worker that is somebody else's child: watched through a pidfd, which tells when it is dead and gone."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def is_dead(self, seconds: float = 0.0) -> bool:
        return bool(select.select([self._handle], [], [], seconds)[0])

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        with suppress(ProcessLookupError):  # a fail point was faster
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        assert self.is_dead(10)
        os.close(self._handle)


# ---------------------------------------------------------------------------------------------- the program


def _live(order: Order) -> None:
    from provenance import failpoints, worker
    from provenance.chain.keystore import Signer
    from provenance.chain.registry import Registry
    from provenance.chain.rpc import Rpc
    from provenance.core.encoding import Address
    from provenance.services.indexing import Indexing
    from provenance.services.submission import Submission
    from provenance.store.database import Database
    from tests.faults.anvil import CHAIN_ID
    from tests.faults.naive import Naive
    from tests.faults.world import QUICK

    failpoints.arm(order.failpoints)
    database = Database(order.database_url)
    registry = Registry(Rpc(order.rpc_url, timeout=5), Address(order.registry))
    signer = Signer(bytes.fromhex(order.key))
    owner = "the one who is killed"  # one name for all its lives: it need not wait for its own lease to run out
    indexing = Indexing(database, registry, CHAIN_ID, behind_seconds=0.0, most_blocks=order.most_blocks)
    submission = Submission(database, registry, signer, CHAIN_ID, owner, time.time, QUICK)
    steps: dict[str, list[worker.Step]] = {
        "indexing": [indexing],
        "submission": [submission],
        "both": [indexing, submission],
        "naive": [Naive(database, registry, signer, CHAIN_ID), indexing],
    }
    worker.run(steps[order.part], threading.Event())


def _serve() -> None:
    import tests.faults.naive
    import tests.faults.world  # noqa: F401  everything that a worker needs, imported once

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: no zombies
    for line in sys.stdin.buffer:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                _live(order)
            finally:
                os._exit(1)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
