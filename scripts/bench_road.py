"""Redemptions on their way to the chain, beside the bare node that executes the same full transactions pre-signed.

From the queue: one process, one thread. From the API: as in production, with `provenance serve`, `provenance worker`,
the node and eight clients as processes and threads that share the machine. SQLite both times.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from provenance.chain import keystore
from provenance.core.statements import SignedStatement
from provenance.services.access import Role
from provenance.store.tables import Transaction
from scripts.bench_http import CONNECTIONS, free_port, read_answer
from tests.faults.anvil import CHAIN_ID
from tests.faults.world import ETHER, World

PORT = free_port()


def bench_road(world: World, directory: Path, count: int) -> dict[str, Any]:
    over_http = from_api(world, directory, count)
    accepted, queued, bare = from_queue(world, count)
    return {
        "redemptions": count,
        "accepted_per_second": round(count / accepted),
        "queue_to_event_per_second": round(count / queued),
        "api_to_event_per_second": round(count / over_http),
        "bare_node_per_second": round(count / bare),
        "queue_to_event_of_bare_node": round(bare / queued, 2),
        "api_to_event_of_bare_node": round(bare / over_http, 3),
    }


def _sign(world: World, count: int) -> list[SignedStatement]:
    batch = world.mint(count)
    return [world.redemption(batch, place) for place in range(count)]


# ---------------------------------------------------------------------------------------------- from the queue


def from_queue(world: World, count: int) -> tuple[float, float, float]:
    """Seconds for accepting them one after another; from there to the last event; and those of the bare node. The world can
    send nothing more after that: other transactions have its nonces."""
    signed = _sign(world, count)
    first = int(world.anvil.rpc("eth_getTransactionCount", world.relayers[0].address, "latest"), 16)
    begin = time.perf_counter()
    for statement in signed:
        world.accept_redemption(statement)
    accepted = time.perf_counter() - begin
    clean = world.anvil.rpc("evm_snapshot")
    begin = time.perf_counter()
    world.settle(seconds=600)
    queued = time.perf_counter() - begin
    world.anvil.rpc("evm_revert", clean)
    return accepted, queued, _bare(world, first)


def _bare(world: World, first: int) -> float:
    """What our relayer sent from nonce `first` on, signed anew and handed to the node alone."""
    relayer = world.relayers[0]
    with world.database.read() as session:
        mine = select(Transaction).where(Transaction.signer == relayer.address, Transaction.nonce >= first)
        sent = [(row.nonce, row.data, row.gas) for row in session.scalars(mine.order_by(Transaction.nonce))]
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
    base = {"type": 2, "chainId": CHAIN_ID, "to": world.registry, "value": 0, **fees}
    signed = [relayer.sign_transaction({**base, "nonce": n, "data": data, "gas": gas}) for n, data, gas in sent]
    begin = time.perf_counter()
    for raw, _ in signed:
        world.anvil.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    while world.anvil.rpc("eth_getTransactionReceipt", "0x" + signed[-1][1].hex()) is None:
        time.sleep(0.001)
    return time.perf_counter() - begin


# ---------------------------------------------------------------------------------------------- from the API


def from_api(world: World, directory: Path, count: int) -> float:
    """Seconds from the first request to the moment when the last event is indexed."""
    key = world.services.access.create_key(Role.REDEEMER, world.redeemer.address, "bench")
    bodies = [json.dumps({"statement": signed.to_json()}).encode() for signed in _sign(world, count)]
    with _running(_environment(world, directory), "serve", "worker"):
        begin = time.perf_counter()
        clients = [
            threading.Thread(target=_post, args=(key, bodies[number::CONNECTIONS])) for number in range(CONNECTIONS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        while not world.at_rest():
            time.sleep(0.005)
        return time.perf_counter() - begin


def _environment(world: World, directory: Path) -> dict[str, str]:
    """With a relayer of its own, so that the world's nonces stay the world's."""
    relayer = keystore.create(directory / "relayer.json", "bench", iterations=2)
    world.anvil.rpc("anvil_setBalance", relayer.address, hex(1000 * ETHER))
    (directory / "passphrase").write_text("bench")
    return {
        "DATA_DIR": str(directory),
        "DATABASE_URL": world.database.url,
        "RPC_URL": world.anvil.url,
        "REGISTRY": world.registry,
        "CHAIN_ID": str(CHAIN_ID),
        "KEYSTORE": str(directory / "relayer.json"),
        "PASSPHRASE_FILE": str(directory / "passphrase"),
        "RATE_LIMIT": "",
        "PORT": str(PORT),
    }


@contextmanager
def _running(environment: dict[str, str], *commands: str) -> Iterator[None]:
    with open(os.devnull, "wb") as nowhere:
        programs = [
            subprocess.Popen(
                [sys.executable, "-m", "provenance", command], env=os.environ | environment, stderr=nowhere
            )
            for command in commands
        ]
    try:
        until = time.monotonic() + 60
        while not _is_ready():
            if time.monotonic() > until or any(program.poll() is not None for program in programs):
                raise SystemExit(f"`provenance {' and '.join(commands)}` did not become ready")
            time.sleep(0.1)
        yield
    finally:
        for program in programs:
            program.terminate()
            program.wait()


def _is_ready() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", PORT)) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n")
            return read_answer(connection).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _post(key: str, bodies: list[bytes]) -> None:
    """One client after another. Raises RuntimeError for an answer that is not 202."""
    head = f"POST /v1/redemptions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        for body in bodies:
            own = f"Idempotency-Key: {secrets.token_hex(8)}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + own).encode() + body)
            answer = read_answer(connection)
            if not answer.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(answer[:200])
