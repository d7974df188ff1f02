"""Opens one chain again and again in child processes, kills each with SIGKILL in mid-work, and says what is left.

Run as a program: `python -m tests.chain.killed_node DIRECTORY ROUNDS`. It forks and has no threads of its own, so that a
round costs no start of an interpreter. Prints one JSON object a round.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_utils import keccak, to_checksum_address

from provenance.chain.node import Node
from provenance.chain.node.jsonrpc import handle
from tests.chain.bytecode import EMITTER, creation_code

ACCOUNT = Account.from_key(b"\x01" * 32)


def sign(nonce: int, to: str, data: bytes) -> bytes:
    fees = {"gas": 300_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
    fields = {"nonce": nonce, "chainId": 31337, "to": to, "value": 0, "data": data, **fees}
    return bytes(ACCOUNT.sign_transaction(fields).raw_transaction)


def ask(node: Node, method: str, *params: object) -> Any:
    response = handle(node, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())
    return response["result"]


def nonce_of(node: Node) -> int:
    return int(ask(node, "eth_getTransactionCount", ACCOUNT.address, "latest"), 16)


def emitter_of(node: Node) -> str:
    """The contract that the account's first transaction made."""
    first = keccak(sign(0, "", creation_code(EMITTER)))
    return to_checksum_address(ask(node, "eth_getTransactionReceipt", "0x" + first.hex())["contractAddress"])


def work(directory: Path, acknowledged: int) -> None:
    """Sends transactions until killed; writes each hash to the pipe once the node has accepted it."""
    node = Node(directory / "chain.sqlite", accounts=[ACCOUNT.address])
    for nonce in itertools.count(nonce_of(node)):
        raw = sign(nonce, emitter_of(node), nonce.to_bytes(64)) if nonce else sign(0, "", creation_code(EMITTER))
        node.send_raw_transaction(raw)
        os.write(acknowledged, keccak(raw))


def kill_in_mid_work(directory: Path, acknowledgements: int, seconds: float) -> list[str]:
    """The hashes that a child had acknowledged when SIGKILL hit it, `seconds` after the given number of them."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        work(directory, writing)
    os.close(writing)
    hashes = [os.read(reading, 32) for _ in range(acknowledgements)]
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    hashes += iter(lambda: os.read(reading, 32), b"")
    os.close(reading)
    return ["0x" + found.hex() for found in hashes]


def report(directory: Path, hashes: list[str]) -> dict[str, Any]:
    node = Node(directory / "chain.sqlite", accounts=[ACCOUNT.address])
    head = int(ask(node, "eth_blockNumber"), 16)
    blocks = [ask(node, "eth_getBlockByNumber", hex(number), False) for number in range(head + 1)]
    receipts = [ask(node, "eth_getTransactionReceipt", block["transactions"][0]) for block in blocks[1:]]
    logs = ask(node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    outcome = {
        "acknowledged": len(hashes),
        "missing": [h for h in hashes if ask(node, "eth_getTransactionReceipt", h) is None],
        "head": head,
        "nonce": nonce_of(node),
        "linked": all(blocks[n]["parentHash"] == blocks[n - 1]["hash"] for n in range(1, head + 1)),
        "executed": sum(receipt["status"] == "0x1" for receipt in receipts),
        "logs": len(logs),
        "counter": int(ask(node, "eth_getStorageAt", logs[0]["address"], "0x0", "latest"), 16) if logs else 0,
    }
    node.close()
    return outcome


def main() -> None:
    directory, rounds = Path(sys.argv[1]), int(sys.argv[2])
    seeded = random.Random(7)
    for _ in range(rounds):
        hashes = kill_in_mid_work(directory, seeded.choice((0, 1, 3, 8)), seeded.uniform(0, 0.04))
        print(json.dumps(report(directory, hashes)))


if __name__ == "__main__":
    main()
