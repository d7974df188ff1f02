"""The server's side of large batches: taking one in, keeping it, proving one voucher of it. Ratios side by side in one run.

    bench_server.py [--leaves 1000000] [--large 10000000] [--postgres]

Leaves are random bytes (no voucher needs to exist for the server's work to be real); the chain is not asked. Each line says how
its figure was taken; medians or p99 of the repetitions named there.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sqlalchemy import Column as Col
from sqlalchemy import LargeBinary, MetaData, Table, func, insert, select, text

from provenance.chain.keystore import Signer
from provenance.core.batch import hash_terms
from provenance.core.encoding import Address
from provenance.core.fingerprint import LEAF_BYTES
from provenance.core.statements import Domain, Mint, Signature, SignedStatement, digest
from provenance.core.voucher import VoucherId
from provenance.minting import tree
from provenance.services.catalogue import Catalogue
from provenance.services.issuance import Issuance, Submission
from provenance.store import tables
from provenance.store.database import Database
from provenance.store.migrate import upgrade
from tests.faults.postgres import Postgres

FAR = 4_000_000_000
DOMAIN = Domain(31337, Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
BRAND = Address("0x2222222222222222222222222222222222222222")
TERMS = {"product": "bench"}


def random_leaves(count: int) -> memoryview:
    return memoryview(np.random.default_rng(count).integers(0, 256, count * LEAF_BYTES, dtype=np.uint8).tobytes())


def build_tree(count: int, leaves: memoryview) -> np.ndarray:
    records = np.frombuffer(leaves, np.uint8).reshape(count, LEAF_BYTES)
    return tree.build(tree.leaves_of(0, records))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def authorise(database: Database, supplier: Address) -> None:
    with database.write() as session:
        session.add(tables.Cursor(id=1, number=1, hash=b"", timestamp=0, safe=1, finalized=1, halted=None))
        session.add(tables.BrandState(brand=BRAND, admitted=True, name="b", url="", licence_hash=b""))
        session.add(tables.SupplierState(brand=BRAND, supplier=supplier, quota=10**12, until=FAR))


class Taken(NamedTuple):
    batch_id: bytes
    seconds: float


def take_in(database: Database, signer: Signer, count: int, leaves: memoryview) -> Taken:
    root = build_tree(count, leaves)[0].tobytes()
    mint = Mint(BRAND, root, count, FAR, hash_terms(TERMS), FAR)
    signed = SignedStatement(mint, Signature(*signer.sign_digest(digest(DOMAIN, mint))))
    issuance = Issuance(database, DOMAIN, time.time, "bench")
    seconds = timed(lambda: issuance.accept(Submission(signed, TERMS, leaves), signer.address, "bench"))
    with database.read() as session:
        batch_id = session.scalars(select(tables.Batch.batch_id).where(tables.Batch.count == count)).one()
    print(f"  taken in: {count:,} leaves in {seconds:.2f} s")
    mark_minted(database, batch_id)
    return Taken(batch_id, seconds)


def mark_minted(database: Database, batch_id: bytes) -> None:
    with database.write() as session:
        kept = session.get_one(tables.Batch, batch_id)
        same = {
            n: getattr(kept, n) for n in ("batch_id", "brand", "supplier", "root", "count", "expires_at", "terms_hash")
        }
        nothing = {"suspended": False, "suspensions": 0, "held": 0, "redeemed": 0, "revoked": 0}
        session.add(tables.BatchState(**same, mint_transaction=bytes(32), mint_block=1, minted_at=0, **nothing))


def write_plain(database: Database, size: int) -> float:
    """The same number of bytes as blobs of 13 kB, 256 rows a commit."""
    blobs = Table("plain_blobs", MetaData(), Col("id", tables.ROW_ID, primary_key=True), Col("body", LargeBinary))
    blobs.create(database.engine)
    body, rows = os.urandom(13312), size // 13312
    started = time.perf_counter()
    for start in range(0, rows, 256):
        with database.write() as session:
            session.execute(insert(blobs), [{"body": body}] * min(256, rows - start))
    seconds = time.perf_counter() - started
    blobs.drop(database.engine)
    return seconds


def intake(database: Database, signer: Signer, count: int, rounds: int = 3) -> bytes:
    """Minima of interleaved rounds: the first one pays for files that grow."""
    build_tree(4096, random_leaves(4096))  # numba compiles once
    batches: list[Taken] = []
    plain, kernel = [], []
    for turn in range(rounds):
        leaves = random_leaves(count - turn)
        kernel.append(timed(lambda leaves=leaves: build_tree(len(leaves) // LEAF_BYTES, leaves)))
        batches.append(take_in(database, signer, count - turn, leaves))
        plain.append(write_plain(database, stored_bytes(database, batches[-1].batch_id)))
    ours = min(taken.seconds for taken in batches)
    ratio = ours / (min(kernel) + min(plain))
    beside = f"tree kernel {min(kernel):.2f} s + the same bytes as plain blobs {min(plain):.2f} s"
    print(f"  {ours:.2f} s : {beside} = {ratio:.2f} (goal 2; minima of {rounds} interleaved rounds)")
    return batches[0].batch_id


def stored_bytes(database: Database, batch_id: bytes) -> int:
    with database.read() as session:
        query = text("SELECT sum(length(body)) FROM tiles WHERE batch_id = :id")
        return int(session.scalar(query, {"id": batch_id}) or 0)


def footprint(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            pages = connection.exec_driver_sql("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%tiles%'").scalar()
        size = int(pages or 0)
    else:
        with database.read() as session:
            size = int(session.scalar(text("SELECT pg_total_relation_size('tiles')")) or 0)
    with database.read() as session:
        count = session.scalar(select(func.sum(tables.Batch.count))) or 1
        bodies = (session.scalar(text("SELECT sum(length(body)) FROM tiles")) or 0) / count
    print(f"  on disk, tiles with their index: {size / count:.1f} bytes a voucher (bodies {bodies:.1f})")


def percentiles(work: Callable[[], object], repeat: int = 3000) -> tuple[float, float]:
    """(median, p99) in milliseconds."""
    return _percentiles([timed(work) * 1000 for _ in range(repeat)])


def _percentiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), sorted(times)[int(len(times) * 0.99)]


def certificates(database: Database, batches: dict[int, bytes]) -> None:
    catalogue = Catalogue(database, DOMAIN)
    some = next(iter(batches.values()))
    key = select(tables.Batch.count).where(tables.Batch.batch_id == some)

    def one_key() -> None:
        with database.read() as session:
            session.scalar(key)

    base = percentiles(one_key)
    print(f"  one primary-key read through the same sessions: median {base[0]:.3f} ms, p99 {base[1]:.3f} ms")
    times: dict[int, list[float]] = {count: [] for count in batches}
    for _ in range(3000):  # in turns: the machine's noise falls on all of them
        for count, batch_id in batches.items():
            wanted = VoucherId(batch_id, secrets.randbelow(count))
            times[count].append(timed(lambda wanted=wanted: catalogue.certificate(wanted)) * 1000)
    for count, taken in times.items():
        median, p99 = _percentiles(taken)
        figures = f"median {median:.3f} ms, p99 {p99:.3f} ms = {p99 / base[1]:.1f} x a key read's p99"
        print(f"  certificate of one in {count:>10,}: {figures}")


def peak_rss(count: int, url: str) -> None:
    """In a process of its own: the memory above what it had after importing and compiling."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(count), url], capture_output=True, text=True, check=True
    )
    print(f"  memory: {done.stdout.strip().splitlines()[-1]}")


def child(count: int, url: str) -> None:
    database, signer = Database(url), Signer(secrets.token_bytes(32))
    upgrade(database)
    authorise(database, signer.address)
    build_tree(4096, random_leaves(4096))
    path = Path(tempfile.mkstemp()[1])
    path.write_bytes(random_leaves(count))
    leaves = memoryview(np.memmap(path, np.uint8, "r"))
    before = rss()
    take_in(database, signer, count, leaves)
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the parent had
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    print(
        f"{count:,} leaves: peak {peak} MB, {peak - before} MB above idle (the tree is built twice here, once to sign)"
    )
    path.unlink()


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20


@contextmanager
def databases(postgres: bool) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        found = {"SQLite": f"sqlite:///{folder}/bench.db"}
        server = Postgres(Path(folder)) if postgres else None
        if server:
            found["PostgreSQL"] = server.create()
        try:
            yield found
        finally:
            if server:
                server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--child", nargs=2)
    arguments = parser.parse_args()
    if arguments.child:
        child(int(arguments.child[0]), arguments.child[1])
        return
    with databases(arguments.postgres) as urls:
        for name, url in urls.items():
            print(name)
            database, signer = Database(url), Signer(secrets.token_bytes(32))
            upgrade(database)
            authorise(database, signer.address)
            batches = {10_000: take_in(database, signer, 10_000, random_leaves(10_000)).batch_id}
            batches[arguments.leaves] = intake(database, signer, arguments.leaves)
            footprint(database)
            if arguments.large:
                large = take_in(database, signer, arguments.large, random_leaves(arguments.large))
                batches[arguments.large] = large.batch_id
            certificates(database, batches)
            database.close()
    with tempfile.TemporaryDirectory() as folder:
        peak_rss(arguments.leaves, f"sqlite:///{folder}/child.db")


if __name__ == "__main__":
    main()
