"""Measures minting: every ratio has both its sides taken in this run, one after the other, several times; minima count.

    python scripts/bench_minting.py [--rounds 3] [--leaves 1000000] [--large 10000000] [--directory DIR]

On a machine with other work, a row's wall times rise together but not evenly: the rows that matter also give CPU
seconds. `--large 0` leaves the largest batch out, `--leaves` sets the size of the others.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import sha3
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from provenance.core import statements
from provenance.core.encoding import Address
from provenance.core.fingerprint import address_of_key
from provenance.minting import tree
from provenance.minting.claims import claim_private_keys, draw_secrets
from provenance.minting.cores import cores
from provenance.minting.hashing import keccak256
from provenance.minting.kernels import secp256k1
from provenance.minting.plan import MintPlan
from provenance.minting.workspace import prepare
from scripts import node_tools

KEY = b"\x11" * 32
NOBODY = Address("0x" + "00" * 20)
URL = "https://voucher.example"

OPENZEPPELIN = """
const { StandardMerkleTree } = require('@openzeppelin/merkle-tree');
const leaves = require('fs').readFileSync(process.argv[1]);
const hex = (from, to) => '0x' + leaves.toString('hex', from, to);
const values = [];
for (let i = 0; 52 * i < leaves.length; i++) values.push([i, hex(52 * i, 52 * i + 20), hex(52 * i + 20, 52 * i + 52)]);
const start = process.hrtime.bigint();
const tree = StandardMerkleTree.of(values, ['uint256', 'address', 'bytes32'], { sortLeaves: false });
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(tree.root, seconds, process.resourceUsage().maxRSS / 1024);
"""


def row(figure: str, value: str, goal: str, met: bool | None, how: str) -> None:
    verdict = {True: "met", False: "MISSED", None: ""}[met]
    print(f"| {figure} | {value} | {goal} | {verdict} | {how} |", flush=True)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one call, all threads."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def least(samples: list[tuple[float, float]]) -> tuple[float, float]:
    return min(wall for wall, _ in samples), min(cpu for _, cpu in samples)


@contextmanager
def one_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def in_threads(work: Callable[[np.ndarray], object], rows: np.ndarray) -> None:
    threads = [threading.Thread(target=work, args=(part,)) for part in np.array_split(rows, cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def bare_cffi(private_keys: np.ndarray) -> None:
    """Public keys and nothing else, by the two C functions called from Python through cffi."""
    point, size = ffi.new("secp256k1_pubkey *"), ffi.new("size_t *")
    serialized, keys = ffi.new("unsigned char[65]"), ffi.from_buffer("unsigned char[]", private_keys)
    create, serialize, context = lib.secp256k1_ec_pubkey_create, lib.secp256k1_ec_pubkey_serialize, GLOBAL_CONTEXT.ctx
    for place in range(0, 32 * len(private_keys), 32):
        create(context, point, keys + place)
        size[0] = 65
        serialize(context, serialized, size, point, lib.SECP256K1_EC_UNCOMPRESSED)


def plan(count: int) -> MintPlan:
    return MintPlan(31337, NOBODY, NOBODY, address_of_key(KEY), {"product": "bench"}, count, 2**33, 2**33, URL)


def mint(count: int, directory: Path) -> None:
    prepare(plan(count), directory, lambda digest: statements.sign(KEY, digest))


def bench_mint(count: int, rounds: int, home: Path) -> None:
    private_keys = claim_private_keys(draw_secrets(count))
    secp256k1.public_keys(private_keys[:1])
    mint(5_000, home / "warm")
    loop, cffi, whole = [], [], []
    for number in range(rounds):
        loop.append(timed(lambda: in_threads(secp256k1.public_keys, private_keys)))
        whole.append(timed(lambda number=number: mint(count, home / f"mint{number}")))
        cffi.append(timed(lambda: in_threads(bare_cffi, private_keys)))
    (a, cpu_a), (b, cpu_b), (c, _) = least(loop), least(whole), least(cffi)
    others = f"load average {os.getloadavg()[0]:.1f} on {cores()} cores"
    how = f"minima of {rounds} interleaved rounds, {others}, files fsynced; CPU seconds {cpu_b:.2f} : {cpu_a:.2f}"
    said = f"{b:.2f} s : {a:.2f} s = {b / a:.2f} (CPU {cpu_b / cpu_a:.2f})"
    row(f"{count:,} vouchers : bare C loop of create + serialize", said, "≤ 1.25", b / a <= 1.25, how)
    said = f"{b:.2f} s : {c:.2f} s = {b / c:.2f}"
    row(f"{count:,} vouchers : the same loop in Python through cffi", said, "≤ 1.25", b / c <= 1.25, "the same rounds")


def bench_tree(count: int, rounds: int, home: Path) -> None:
    records = np.zeros((count, 52), np.uint8)
    records[:, :20] = np.frombuffer(hashlib.shake_128(b"bench").digest(20 * count), np.uint8).reshape(count, 20)
    (home / "leaves").write_bytes(records.tobytes())
    roots: list[bytes] = []
    with one_core():
        ours, _ = least([timed(lambda: roots.append(bytes(tree.of_records(records)[0]))) for _ in range(3 * rounds)])
        packages = node_tools.install()
        command = [str(node_tools.node()), "--max-old-space-size=8192", "-e", OPENZEPPELIN, str(home / "leaves")]
        environment = {**node_tools.environment(), "NODE_PATH": str(packages)}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    root, theirs, memory = answer[0], float(answer[1]), float(answer[2])
    assert set(roots) == {bytes.fromhex(root[2:])}, "the roots differ"
    said = f"{theirs:.1f} s : {ours:.3f} s = {theirs / ours:.0f}"
    how = f"one core, same root; theirs once, with {memory:.0f} MB; ours least of {3 * rounds}"
    row(f"leaves and tree, {count:,}: @openzeppelin/merkle-tree", said, "≥ 100", theirs / ours >= 100, how)


def one_by_one(messages: list[bytes]) -> list[bytes]:
    digest = sha3.keccak_256
    return [digest(message).digest() for message in messages]


def bench_keccak(count: int, rounds: int) -> None:
    for prefix, length in ((b"", 32), (b"voucher-provenance/claim-key/v1", 16), (b"", 64), (b"", 96)):
        messages = np.frombuffer(bytearray(os.urandom(count * length)), np.uint8).reshape(count, length)
        separate = [prefix + message.tobytes() for message in messages]
        ours, theirs = [], []
        with one_core():
            for _ in range(3 * rounds):
                ours.append(timed(lambda m=messages, p=prefix: keccak256(m, p)))
                theirs.append(timed(lambda s=separate: one_by_one(s)))
        a, b = least(ours)[0], least(theirs)[0]
        said = f"{count / a / 1e6:.1f} M/s : {count / b / 1e6:.2f} M/s = {b / a:.1f}"
        how = f"one core, {count:,} messages, minima of {3 * rounds} interleaved rounds"
        row(f"keccak of {len(prefix) + length} bytes : safe-pysha3", said, "≥ 8", b / a >= 8, how)


def bench_memory(count: int, limit: int, home: Path) -> None:
    """Peak resident memory of a process of its own: VmHWM, which does not count what its parent had."""
    code = (
        "import sys; from pathlib import Path; from scripts.bench_minting import mint\n"
        "mint(int(sys.argv[1]), Path(sys.argv[2]))\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    start = time.perf_counter()
    command = [sys.executable, "-c", code, str(count), str(home / f"memory{count}")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": os.getcwd()}, capture_output=True, check=True)
    peak = int(done.stdout) / 1024
    how = (
        f"VmHWM of a process that imports and mints, {time.perf_counter() - start:.0f} s in all, mapped files included"
    )
    row(f"peak memory, {count:,} vouchers", f"{peak:.0f} MB", f"≤ {limit} MB", peak <= limit, how)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--directory", type=Path, default=None, help="where to write; 2.6 GB for the largest batch")
    arguments = parser.parse_args()
    print("| figure | measured | goal | | how |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(dir=arguments.directory) as home:
        bench_keccak(200_000, arguments.rounds)
        bench_mint(arguments.leaves, arguments.rounds, Path(home))
        bench_memory(arguments.leaves, 500, Path(home))
        if arguments.large:
            bench_memory(arguments.large, 1500, Path(home))
        bench_tree(arguments.leaves, arguments.rounds, Path(home))


if __name__ == "__main__":
    main()
