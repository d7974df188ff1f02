"""GET /v1/vouchers/{id} against a bare Flask JSON route: the same gunicorn, the same settings, the same load, in turns.

    bench_http.py [--counts 10000 10000000] [--seconds 4] [--rounds 3]

The load is raw sockets with keep-alive (8 connections), so that the client costs little; both servers run at once and
are loaded one after the other, round by round; medians of the rounds. The chain is not asked. Rate limits are off in both.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from flask import Flask, jsonify

from provenance.chain.keystore import Signer
from provenance.store.database import Database
from provenance.store.migrate import upgrade
from scripts.bench_server import DOMAIN, authorise, random_leaves, take_in

CONNECTIONS = 8
SETTINGS = [  # as `provenance serve` has them
    "--workers",
    str(2 * (os.cpu_count() or 1)),
    "--threads",
    "4",
    "--worker-class",
    "gthread",
    "--keep-alive",
    "30",
    "--log-level",
    "warning",
]


def bare() -> Flask:
    """What the ratio is against: one route that answers a constant."""
    app = Flask("bare")
    app.add_url_rule(
        "/voucher/<voucher_id>", "voucher", lambda voucher_id: jsonify(voucherId=voucher_id, state="sealed")
    )
    return app


def service() -> object:
    import os

    from provenance.cli.server import build_app
    from provenance.config import Settings

    return build_app(Settings.read(os.environ))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(factory: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        *SETTINGS,
        "--bind",
        f"127.0.0.1:{port}",
        f"scripts.bench_http:{factory}()",
    ]
    process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return process


def load(port: int, paths: list[str], seconds: float) -> float:
    """Requests a second. Raises RuntimeError for an answer that is not 200."""
    done = [0] * CONNECTIONS
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_one, args=(port, paths, until, done, i)) for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


def _one(port: int, paths: list[str], until: float, done: list[int], slot: int) -> None:
    own = random.Random(slot)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.monotonic() < until:
            connection.sendall(f"GET {own.choice(paths)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            answer = read_answer(connection)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer[:200])
            done[slot] += 1


def read_answer(connection: socket.socket) -> bytes:
    """Raises OSError where the server ends the connection before its answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _receive(connection)
    return data


def _receive(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionResetError("the server hung up")
    return chunk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        database, signer = Database(url), Signer(secrets.token_bytes(32))
        upgrade(database)
        authorise(database, signer.address)
        batches = {n: take_in(database, signer, n, random_leaves(n)).batch_id for n in arguments.counts}
        database.close()
        environment = {
            "DATABASE_URL": url,
            "REGISTRY": DOMAIN.registry,
            "RATE_LIMIT": "",
            "DATA_DIR": str(Path(folder) / "var"),
        }
        bare_port, service_port = free_port(), free_port()
        servers = [start("bare", bare_port, {}), start("service", service_port, environment)]
        try:
            compare((bare_port, service_port), batches, arguments.rounds, arguments.seconds)
        finally:
            for server in servers:
                server.terminate()
                server.wait()


def compare(ports: tuple[int, int], batches: dict[int, bytes], rounds: int, seconds: float) -> None:
    bare, service = ports
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        figures.setdefault("bare Flask route", []).append(load(bare, ["/voucher/9f3c2a7e81d04b6c-42"], seconds))
        for count, batch_id in batches.items():
            paths = [f"/v1/vouchers/{batch_id.hex()}-{secrets.randbelow(count)}" for _ in range(1000)]
            figures.setdefault(f"voucher of {count:,}", []).append(load(service, paths, seconds))
            proofs = [f"{path}/certificate" for path in paths]
            figures.setdefault(f"certificate of {count:,}", []).append(load(service, proofs, seconds))
    base = statistics.median(figures["bare Flask route"])
    for name, found in figures.items():
        rate = statistics.median(found)
        print(f"  {name:<28} {rate:8.0f} requests/s   {rate / base:.2f} x bare")


if __name__ == "__main__":
    main()
