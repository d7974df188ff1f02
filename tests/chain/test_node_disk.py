"""What the embedded node keeps, and what it refuses to open."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from eth_account import Account

from provenance.chain.node import Node, chain
from provenance.chain.node.database import SqliteDatabase
from provenance.errors import ChainMismatch, StorageUnavailable
from tests.chain.bytecode import SPINNER
from tests.chain.conftest import Devnet
from tests.chain.killed_node import ACCOUNT, sign

ROOT = Path(__file__).parents[2]
BURN = "0x000000000000000000000000000000000000dEaD"


def open_node(directory: Path, chain_id: int = 31337, accounts: tuple[str, ...] = (ACCOUNT.address,)) -> Node:
    return Node(directory / "chain.sqlite", chain_id=chain_id, accounts=accounts)  # type: ignore[arg-type]  # checksummed


def test_a_chain_killed_at_any_moment_agrees_with_itself(tmp_path: Path) -> None:
    rounds = 25
    command = [sys.executable, "-m", "tests.chain.killed_node", str(tmp_path), str(rounds)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    reports = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(reports) == rounds
    heads = [0]
    for report in reports:
        assert report["missing"] == []
        assert report["linked"]
        assert report["nonce"] == report["head"] == report["executed"]
        assert report["logs"] == report["counter"] == max(report["head"] - 1, 0)
        assert report["acknowledged"] <= report["head"] - heads[-1] <= report["acknowledged"] + 1
        heads.append(report["head"])
    assert heads[-1] > rounds  # it did work between the kills


def test_a_reopened_chain_goes_on_where_it_was(tmp_path: Path) -> None:
    node = open_node(tmp_path)
    for nonce in range(3):
        node.send_raw_transaction(sign(nonce, BURN, b""))
    with node.view() as view:
        head = view.head.hash
    node.close()
    node = open_node(tmp_path)
    with node.view() as view:
        assert view.head.hash == head
    node.send_raw_transaction(sign(3, BURN, b""))
    with node.view() as view:
        assert view.head.parent_hash == head
    node.close()


def test_a_database_in_use_cannot_be_opened(tmp_path: Path) -> None:
    node = open_node(tmp_path)
    script = "import sys, pathlib, provenance.chain.node as n; n.Node(pathlib.Path(sys.argv[1]) / 'chain.sqlite')"
    other = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert other.returncode == 1
    assert "is in use by another node (process" in other.stderr
    with pytest.raises(StorageUnavailable, match="in use by another node"):
        open_node(tmp_path)
    node.close()
    open_node(tmp_path).close()


def test_another_chain_id_or_other_accounts_cannot_be_opened(tmp_path: Path) -> None:
    open_node(tmp_path).close()
    with pytest.raises(ChainMismatch, match="31337"):
        open_node(tmp_path, chain_id=5)
    with pytest.raises(ChainMismatch, match=ACCOUNT.address):
        open_node(tmp_path, accounts=(Account.create().address,))
    open_node(tmp_path).close()


def test_a_genesis_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SqliteDatabase(tmp_path / "chain.sqlite")
    with monkeypatch.context() as patch:
        patch.setattr(chain.json, "dumps", lambda _: "")  # an identity that SQLite will not take: not bytes
        patch.setattr(SqliteDatabase, "__contains__", lambda *_: False, raising=False)
        patch.setattr(chain, "_IDENTITY_KEY", None)
        with pytest.raises(Exception, match="NOT NULL"):
            chain.ensure_genesis(database, 31337, [])
    assert database._connection.execute("SELECT count(*) FROM pair").fetchone() == (0,)
    chain.ensure_genesis(database, 31337, [])
    database.close()


def test_a_block_that_fails_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = open_node(tmp_path)
    node.send_raw_transaction(sign(0, BURN, b""))
    with node.view() as view:
        before = view.head.hash
    with monkeypatch.context() as patch:
        patch.setattr(chain.EmbeddedChain, "validate_block", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            node.send_raw_transaction(sign(1, BURN, b""))
    with node.view() as view:
        assert view.head.hash == before
    node.send_raw_transaction(sign(1, BURN, b""))
    node.close()


def test_an_inner_batch_that_fails_undoes_only_itself(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "pairs.sqlite")
    with database.atomic_batch():
        database[b"outer"] = b"1"
        with suppress(ZeroDivisionError), database.atomic_batch():
            database[b"inner"] = b"1"
            raise ZeroDivisionError
    assert b"outer" in database
    assert b"inner" not in database
    with pytest.raises(KeyError):
        database[b"inner"]
    with pytest.raises(KeyError):
        del database[b"inner"]
    del database[b"outer"]
    assert not database.exists(b"outer")
    database.close()


def test_readers_see_whole_blocks_only_while_blocks_are_made(tmp_path: Path) -> None:
    node = open_node(tmp_path)
    torn: list[tuple[int, int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            with node.view() as view:
                number, nonce = (
                    view.head.block_number,
                    view.state("latest").get_nonce(bytes.fromhex(ACCOUNT.address[2:])),
                )  # type: ignore[arg-type]
                found = len(view.transactions(view.head))
            if number != nonce or found != min(number, 1):
                torn.append((number, nonce))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for nonce in range(60):
        node.send_raw_transaction(sign(nonce, BURN, b""))
    done.set()
    for reader in readers:
        reader.join()
    node.close()
    assert torn == []


def test_a_long_write_does_not_hold_up_reads(devnet: Devnet) -> None:
    raw = devnet.sign(to=devnet.deploy(SPINNER), gas=4_000_000)
    devnet.rpc("eth_blockNumber")
    writer = threading.Thread(target=devnet.node.send_raw_transaction, args=(raw,))
    writer.start()
    meanwhile = 0
    while writer.is_alive():
        devnet.rpc("eth_getBalance", devnet.account.address, "latest")
        meanwhile += 1
    assert meanwhile > 5  # behind a lock it would be one


def test_many_threads_lose_no_transaction_and_spend_no_nonce_twice(devnet: Devnet) -> None:
    accounts = [Account.create() for _ in range(4)]
    for account in accounts:
        devnet.send(to=account.address, value=10**18)
    head = devnet.web3.eth.block_number

    def spend(account: object) -> None:
        for nonce in range(10):
            fields = {"nonce": nonce, "gas": 21_000, "gasPrice": 10**10, "to": BURN, "value": 1, "chainId": 31337}
            raw = account.sign_transaction(fields).raw_transaction  # type: ignore[attr-defined]
            devnet.node.send_raw_transaction(bytes(raw))

    threads = [threading.Thread(target=spend, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert devnet.web3.eth.get_balance(BURN) == 40  # type: ignore[arg-type]
    assert devnet.web3.eth.block_number == head + 40


def test_the_time_for_a_receipt_does_not_grow_with_the_chain(devnet: Devnet) -> None:
    first = devnet.send()["transactionHash"].to_0x_hex()
    touched: list[bytes] = []
    for _ in range(50):
        devnet.send()
    getitem = SqliteDatabase.__getitem__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteDatabase, "__getitem__", lambda self, key: touched.append(key) or getitem(self, key))
        devnet.rpc("eth_getTransactionReceipt", first)
    assert len(touched) < 12
