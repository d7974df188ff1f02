"""Our node and anvil asked the same questions by the same client: what they answer must have the same shape and sense."""

from __future__ import annotations

import os
import re
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils import keccak
from web3 import Web3

from provenance.chain import reads
from provenance.chain.node import Node, serve
from provenance.chain.rpc import Rpc, revert_data
from provenance.errors import ChainUnavailable, RpcError
from scripts import node_tools
from tests.chain.bytecode import EMITTER, REVERTER, SPINNER, creation_code

ACCOUNT = Account.create()
STRANGER = Web3.to_checksum_address("0x" + "00" * 18 + "a11c")


@contextmanager
def ours(directory: Path) -> Iterator[str]:
    node = Node(directory / "chain.sqlite", accounts=[ACCOUNT.address])
    server = serve(node).start()
    yield server.url
    server.close()
    node.close()


@contextmanager
def anvil(_: Path) -> Iterator[str]:
    command = [str(node_tools.foundry("anvil")), "--port", "0", "--accounts", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    found = next(match for line in process.stdout if (match := re.search(r"Listening on (\S+)", line)))
    url = f"http://{found[1]}"
    with Rpc(url) as rpc:
        rpc.request("anvil_setBalance", [ACCOUNT.address, hex(10**24)])
    yield url
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(params=[ours, anvil], ids=["ours", "anvil"])
def rpc(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rpc]:
    with request.param(tmp_path) as url, Rpc(url) as client:
        yield client


def send(rpc: Rpc, to: str, data: bytes = b"", **fields: Any) -> bytes:
    nonce = rpc.transaction_count(ACCOUNT.address, "pending")
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
    defaults = {"nonce": nonce, "chainId": 31337, "to": to, "data": data, "gas": 500_000, "value": 0}
    return rpc.send_raw(bytes(ACCOUNT.sign_transaction({**defaults, **fees, **fields}).raw_transaction))


def receipt(rpc: Rpc, transaction_hash: bytes) -> Any:
    deadline = time.monotonic() + 5
    while (found := rpc.receipt(transaction_hash)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def refusal(rpc: Rpc, **fields: Any) -> str:
    with pytest.raises(RpcError) as caught:
        send(rpc, STRANGER, **fields)
    return caught.value.detail.lower()


def test_both_nodes_tell_the_same_story(rpc: Rpc) -> None:
    """One scenario; every assertion holds on both, so neither the client nor our node is shaped to the other alone."""
    assert rpc.chain_id() == 31337
    emitter = receipt(rpc, send(rpc, "", creation_code(EMITTER))).contract_address
    reverter = receipt(rpc, send(rpc, "", creation_code(REVERTER))).contract_address
    spinner = receipt(rpc, send(rpc, "", creation_code(SPINNER))).contract_address
    payload = (1).to_bytes(32) + (2).to_bytes(32) + b"data"

    first = receipt(rpc, send(rpc, emitter, payload))
    assert (first.status, first.transaction_index, first.block_number) == (1, 0, 4)
    assert first.gas_used == 44_680  # the EIPs leave no choice
    block = rpc.block(first.block_hash)
    assert block == rpc.block(first.block_number)
    assert first.effective_gas_price == block.base_fee + 10**9
    assert [log.topics for log in first.logs] == [((1).to_bytes(32), (2).to_bytes(32))]
    assert rpc.logs(emitter, 0, 4) == rpc.logs_by_hash(emitter, first.block_hash) == list(first.logs)
    assert rpc.logs(emitter, 0, 4, [None, [(9).to_bytes(32)]]) == []
    assert rpc.code(emitter, 4) == EMITTER
    assert int.from_bytes(rpc.storage_at(emitter, 0, "latest")) == 1
    assert int.from_bytes(rpc.call(emitter, payload, "latest")) == 2
    assert int.from_bytes(rpc.call(emitter, payload, 3)) == 1
    assert int.from_bytes(rpc.call(emitter, payload, first.block_hash)) == 2
    transaction = rpc.transaction(first.transaction_hash)
    assert transaction is not None
    assert (transaction.sender, transaction.to, transaction.data) == (ACCOUNT.address, emitter, payload)

    failed = receipt(rpc, send(rpc, reverter, b"\x01\x02"))
    assert (failed.status, failed.logs) == (0, ())
    with pytest.raises(RpcError, match="revert") as caught:
        rpc.call(reverter, b"\xde\xad", "latest")
    assert (caught.value.rpc_code, revert_data(caught.value)) == (3, b"\xde\xad")
    with pytest.raises(RpcError, match=r"(?i)out ?of ?gas") as caught:
        rpc.call(spinner, b"", "latest", gas=100_000)
    assert revert_data(caught.value) is None

    assert rpc.estimate_gas(STRANGER, b"", sender=ACCOUNT.address, value=1) == 21_000
    estimate = rpc.estimate_gas(emitter, payload, sender=ACCOUNT.address)
    assert 27_580 <= estimate <= 27_580 * 1.02
    assert rpc.find_block(10**6) is rpc.receipt(b"\x01" * 32) is rpc.transaction(b"\x01" * 32) is None
    with pytest.raises(ChainUnavailable, match="has no block"):
        rpc.block(10**6)
    with pytest.raises(RpcError):
        rpc.logs_by_hash(emitter, b"\x01" * 32)
    assert rpc.balance(STRANGER, "latest") == 0
    history = rpc.fee_history(2, "latest", [50])
    assert history.base_fees[1] == rpc.block("latest").base_fee
    assert len(history.base_fees) == 3
    assert rpc.batch([reads.block(0), reads.block(4)]) == [rpc.block(0), block]


def test_both_nodes_refuse_the_same_transactions(rpc: Rpc) -> None:
    receipt(rpc, send(rpc, STRANGER, value=1))  # anvil answers before it mines
    assert "nonce too low" in refusal(rpc, nonce=0)
    assert "insufficient funds" in refusal(rpc, value=10**30)
    assert "intrinsic gas too low" in refusal(rpc, gas=20_000)
    assert "max fee per gas less than block base fee" in refusal(rpc, maxFeePerGas=1, maxPriorityFeePerGas=1)
    assert "chain" in refusal(rpc, chainId=1)
    assert rpc.transaction_count(ACCOUNT.address, "latest") == rpc.transaction_count(ACCOUNT.address, "pending") == 1


def test_a_forked_process_can_go_on_asking(rpc: Rpc) -> None:
    """Ours fork before the application is built; others may do it later. The child ends by _exit: a normal end would close the
    parent's connections."""
    assert rpc.chain_id() == 31337
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Python 3.12 warns of forking with threads; gunicorn does it
        child = os.fork()
    if child == 0:
        os.write(writing, str(rpc.chain_id()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"31337"
    assert rpc.chain_id() == 31337
    os.close(reading)
    os.close(writing)


def test_hashes_are_those_of_the_bytes_sent(rpc: Rpc) -> None:
    raw = bytes(ACCOUNT.sign_transaction({"nonce": 0, "chainId": 31337, "to": STRANGER, "value": 1, "gas": 21_000,
                                          "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}).raw_transaction)  # fmt: skip
    assert rpc.send_raw(raw) == keccak(raw)
    assert receipt(rpc, keccak(raw)).transaction_hash == keccak(raw)
