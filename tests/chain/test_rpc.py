"""The RPC client against our node, against web3.py's reading of it, and against servers that misbehave."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from eth_account import Account
from eth_utils import keccak
from web3 import Web3
from web3.exceptions import Web3RPCError

from provenance.chain import reads, transport, wire
from provenance.chain.provider import RpcProvider
from provenance.chain.rpc import Rpc, revert_data
from provenance.errors import ChainUnavailable, InvalidInput, RpcError
from tests.chain.bytecode import CLOCK, EMITTER, REVERTER
from tests.chain.conftest import Devnet
from tests.chain.hostile import Hostile, hostile_server


@pytest.fixture(scope="module")
def rpc(shared: Devnet) -> Iterator[Rpc]:
    with Rpc(shared.url) as client:
        yield client


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with hostile_server() as server:
        yield server


# ------------------------------------------------------------------------------------------------ against a real node


def test_it_reads_what_web3_reads(shared: Devnet, rpc: Rpc) -> None:
    emitter = shared.deploy(EMITTER)
    expected = shared.send(to=emitter, data=b"\x01" * 32 + b"\x02" * 32 + b"payload")
    block = shared.web3.eth.get_block("latest")
    sent = shared.web3.eth.get_transaction(expected["transactionHash"])
    receipt, found = rpc.receipt(bytes(expected["transactionHash"])), rpc.block("latest")
    assert receipt is not None
    assert (found.number, found.hash, found.parent_hash) == (
        block["number"],
        bytes(block["hash"]),
        bytes(block["parentHash"]),
    )
    assert (found.timestamp, found.base_fee) == (block["timestamp"], block["baseFeePerGas"])
    assert found.logs_bloom == bytes(block["logsBloom"])
    assert (receipt.status, receipt.gas_used, receipt.block_number) == (1, expected["gasUsed"], block["number"])
    assert receipt.effective_gas_price == expected["effectiveGasPrice"]
    (log,) = receipt.logs
    assert (log.address, log.topics, log.data) == (emitter, (b"\x01" * 32, b"\x02" * 32), b"payload")
    assert (log.block_hash, log.transaction_hash, log.log_index) == (found.hash, receipt.transaction_hash, 0)
    transaction = rpc.transaction(receipt.transaction_hash)
    assert transaction is not None
    assert (transaction.sender, transaction.to, transaction.nonce) == (sent["from"], sent["to"], sent["nonce"])
    assert (transaction.max_fee, transaction.max_priority_fee) == (sent["maxFeePerGas"], sent["maxPriorityFeePerGas"])
    assert transaction.block_hash == found.hash
    assert rpc.block(found.number) == rpc.block(found.hash) == found
    assert rpc.logs(emitter, 0, found.number) == rpc.logs_by_hash(emitter, found.hash) == [log]
    assert rpc.logs(emitter, 0, found.number, [None, [b"\x02" * 32, b"\x03" * 32]]) == [log]
    assert rpc.logs(emitter, 0, found.number, [b"\x02" * 32]) == []


def test_it_reads_state_at_the_block_it_names(shared: Devnet, rpc: Rpc) -> None:
    emitter = Web3.to_checksum_address(shared.deploy(EMITTER))
    number = shared.send(to=emitter, data=bytes(64))["blockNumber"]
    block = rpc.block(number)
    assert rpc.code(emitter, number) == EMITTER
    assert rpc.code(emitter, number - 2) == b""
    for which in (number, block.hash, "latest"):
        assert int.from_bytes(rpc.storage_at(emitter, 0, which)) == 1
        assert int.from_bytes(rpc.call(emitter, bytes(64), which)) == 2
    address = shared.account.address
    assert rpc.balance(address, "latest") == shared.web3.eth.get_balance(address)
    assert rpc.transaction_count(address, "pending") == rpc.transaction_count(address, number) == number
    clock = Web3.to_checksum_address(shared.deploy(CLOCK))
    assert int.from_bytes(rpc.call(clock, b"", "pending")[32:]) == rpc.block_number() + 1
    assert rpc.estimate_gas(address, b"", sender=address) == 21_000
    assert rpc.gas_price() > rpc.max_priority_fee() > 0
    assert rpc.fee_history(2, "latest", [50]).base_fees == rpc.fee_history(2, rpc.block_number()).base_fees
    assert rpc.fee_history(2, "latest", [50]).rewards == ((10**9,), (10**9,))
    assert rpc.chain_id() == 31337


def test_what_is_not_there_is_none_and_not_an_error(rpc: Rpc) -> None:
    nothing = b"\x11" * 32
    assert rpc.find_block(10**6) is rpc.find_block(nothing) is rpc.receipt(nothing) is rpc.transaction(nothing) is None
    with pytest.raises(ChainUnavailable, match="has no block 1000000"):
        rpc.block(10**6)


def test_logs_of_a_block_that_is_gone_are_an_error_and_not_empty(rpc: Rpc) -> None:
    with pytest.raises(RpcError, match="header not found"):
        rpc.logs_by_hash(Web3.to_checksum_address("0x" + "11" * 20), b"\x11" * 32)


def test_a_revert_carries_its_data(shared: Devnet, rpc: Rpc) -> None:
    reverter = Web3.to_checksum_address(shared.deploy(REVERTER))
    with pytest.raises(RpcError, match="execution reverted") as caught:
        rpc.call(reverter, b"\xde\xad\xbe\xef", "latest")
    assert caught.value.rpc_code == 3
    assert revert_data(caught.value) == b"\xde\xad\xbe\xef"
    assert revert_data(RpcError("", data={"data": "0x01"})) == b"\x01"
    assert revert_data(RpcError("", data=None)) is None


def test_a_send_returns_the_hash_and_a_refusal_the_nodes_words(shared: Devnet, rpc: Rpc) -> None:
    raw = shared.sign()
    assert rpc.send_raw(raw) == keccak(raw)
    with pytest.raises(RpcError, match=r"^already known$"):
        rpc.send_raw(raw)
    with pytest.raises(RpcError, match=r"^nonce too low"):
        rpc.send_raw(shared.sign(nonce=0, value=1))


def test_a_batch_answers_in_order_with_each_items_own_error(shared: Devnet, rpc: Rpc) -> None:
    reverter = Web3.to_checksum_address(shared.deploy(REVERTER))
    address = shared.account.address
    wanted: list[reads.Read[Any]] = [reads.balance(address, number) for number in range(rpc.block_number())]
    wanted.insert(1, reads.call(reverter, b"\x01", "latest"))
    repeats = 101 // len(wanted) + 1  # so that one round trip is not enough
    answers = rpc.batch(wanted * repeats)
    assert len(answers) > 100
    assert isinstance(answers[1], RpcError)
    assert revert_data(answers[1]) == b"\x01"
    expected = [rpc.balance(address, number) for number in range(len(wanted) - 1)]
    assert [a for a in answers if not isinstance(a, RpcError)] == expected * repeats
    assert rpc.batch([]) == []


def test_web3_works_on_our_transport(shared: Devnet, rpc: Rpc) -> None:
    web3 = Web3(RpcProvider(rpc))
    assert web3.is_connected()
    assert web3.eth.get_block("latest") == shared.web3.eth.get_block("latest")
    abi = [{"type": "function", "name": "f", "inputs": [], "outputs": [{"type": "uint256"}], "stateMutability": "view"}]
    clock = web3.eth.contract(address=Web3.to_checksum_address(shared.deploy(CLOCK)), abi=abi)
    assert clock.functions.f().call() == shared.web3.eth.get_block("latest")["timestamp"]
    raw = shared.sign()
    assert web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))["status"] == 1
    with pytest.raises(Web3RPCError, match="already known"):
        web3.eth.send_raw_transaction(raw)


def test_threads_share_one_client(shared: Devnet, rpc: Rpc) -> None:
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.extend(rpc.chain_id() for _ in range(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [31337] * 160


# ------------------------------------------------------------------------------------------------ against misbehaviour

JUNK = [
    *("disconnect", "throttle", "fail", "redirect", "html", "truncated_json", "truncated_body", "not_http", "empty"),
    *(
        "null",
        "number",
        "list_",
        "nested",
        "not_utf8",
        "wrong_id",
        "text_id",
        "true_id",
        "no_id",
        "no_result",
        "odd_error",
    ),
]


@pytest.mark.parametrize("mode", JUNK)
def test_junk_is_chain_unavailable_and_reads_are_tried_again(hostile: Hostile, mode: str) -> None:
    hostile.mode = mode
    with Rpc(hostile.url, timeout=5) as rpc:
        with pytest.raises(ChainUnavailable) as caught:
            rpc.chain_id()
        assert hostile.url in caught.value.detail
        assert len(hostile.requests) == 3
        hostile.requests.clear()
        hostile.faults = 2
        assert rpc.chain_id() == 31337


@pytest.mark.parametrize("mode", [*JUNK, "hang", "error_object", "honest"])
def test_a_send_is_never_repeated(hostile: Hostile, mode: str) -> None:
    hostile.mode = mode
    raw = Account.create().sign_transaction({"nonce": 0, "gas": 21_000, "gasPrice": 1, "to": "0x" + "11" * 20, "value": 0,
                                             "chainId": 1}).raw_transaction  # fmt: skip
    with Rpc(hostile.url, timeout=0.5) as rpc:
        with pytest.raises((ChainUnavailable, RpcError)):
            rpc.send_raw(bytes(raw))  # "honest" answers with something else than the hash
        assert len(hostile.requests) == 1
        with suppress(ChainUnavailable, Web3RPCError):
            Web3(RpcProvider(rpc)).eth.send_raw_transaction(raw)
        assert len(hostile.requests) == 2


@pytest.mark.parametrize("mode", ["hang", "drip_headers", "drip_body", "throttle_long", "huge"])
def test_the_deadline_is_total(hostile: Hostile, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 2**20)
    hostile.mode = mode
    start = time.monotonic()
    with Rpc(hostile.url, timeout=1) as rpc:
        with pytest.raises(ChainUnavailable):
            rpc.chain_id()
        assert time.monotonic() - start < 1.5


def test_a_refused_connection_is_chain_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Rpc(url, timeout=2) as rpc, pytest.raises(ChainUnavailable, match=r"cannot be reached: .*[Rr]efused"):
            rpc.chain_id()


def test_a_name_that_does_not_exist_is_chain_unavailable() -> None:
    with Rpc("http://nowhere.invalid", timeout=3) as rpc, pytest.raises(ChainUnavailable):
        rpc.chain_id()


def test_an_error_object_is_an_rpc_error_and_is_not_tried_again(hostile: Hostile) -> None:
    hostile.mode = "error_object"
    with Rpc(hostile.url) as rpc:
        with pytest.raises(RpcError, match=r"^nonce too low$") as caught:
            rpc.chain_id()
        assert (caught.value.rpc_code, caught.value.data) == (-32000, {"have": 5})
        assert len(hostile.requests) == 1


def test_the_key_in_a_providers_url_is_in_no_error(hostile: Hostile) -> None:
    hostile.mode = "html"
    url = hostile.url.replace("http://", "http://user:s3cret@") + "/v3/s3cret?key=s3cret"
    with Rpc(url) as rpc, pytest.raises(ChainUnavailable) as caught:
        rpc.chain_id()
    unreachable = "http://user:s3cret@127.0.0.1:1/v3/s3cret"
    with Rpc(unreachable) as rpc, pytest.raises(ChainUnavailable) as also:
        rpc.chain_id()
    assert "s3cret" not in repr(caught.value) + repr(also.value)


def test_a_batch_that_is_refused_or_cut_short_is_an_error(hostile: Hostile) -> None:
    wanted = [reads.block_number(), reads.chain_id()]
    for mode, kind in (("null", ChainUnavailable), ("list_", ChainUnavailable), ("honest", ChainUnavailable),
                       ("html", ChainUnavailable), ("refuse_batch", RpcError)):  # fmt: skip
        hostile.mode = mode
        with Rpc(hostile.url, timeout=2) as rpc, pytest.raises(kind):
            rpc.batch(wanted)


def test_web3_learns_that_nobody_is_there(hostile: Hostile) -> None:
    hostile.mode = "html"
    with Rpc(hostile.url, timeout=1) as rpc:
        assert not Web3(RpcProvider(rpc)).is_connected()
        with pytest.raises(ChainUnavailable):
            Web3(RpcProvider(rpc)).is_connected(show_traceback=True)


def test_the_other_endpoints_can_be_asked_too(shared: Devnet, hostile: Hostile) -> None:
    hostile.mode = "honest"
    hostile.answer = "0x1"
    with Rpc([shared.url, hostile.url]) as rpc:
        assert [endpoint.chain_id() for endpoint in rpc.endpoints] == [31337, 1]
        assert rpc.endpoints[0] is rpc


@pytest.mark.parametrize("urls", [[], "", "localhost:8545", ["http://ok", "ftp://no"]])
def test_what_is_no_url_is_invalid_input(urls: Any) -> None:
    with pytest.raises(InvalidInput):
        Rpc(urls)


# ------------------------------------------------------------------------------------------------ decoding

HASH = "0x" + "ab" * 32
ADDRESS = "0x" + "11" * 20
LOG = {"address": ADDRESS, "topics": [HASH], "data": "0x00", "blockNumber": "0x1", "blockHash": HASH, "removed": False,
       "transactionHash": HASH, "transactionIndex": "0x0", "logIndex": "0x0"}  # fmt: skip
BLOCK = {"number": "0x1", "hash": HASH, "parentHash": HASH, "timestamp": "0x5", "baseFeePerGas": "0x7",
         "logsBloom": "0x" + "00" * 256, "gasLimit": "0x1", "gasUsed": "0x0"}  # fmt: skip
RECEIPT = {"transactionHash": HASH, "blockNumber": "0x1", "blockHash": HASH, "transactionIndex": "0x0", "status": "0x1",
           "gasUsed": "0x5208", "effectiveGasPrice": "0x1", "contractAddress": None, "logs": [LOG]}  # fmt: skip
TRANSACTION = {"hash": HASH, "from": ADDRESS, "to": None, "nonce": "0x0", "value": "0x0", "input": "0x", "gas": "0x1",
               "gasPrice": "0x1", "blockNumber": None, "blockHash": None}  # fmt: skip
HISTORY = {"oldestBlock": "0x1", "baseFeePerGas": ["0x1"], "gasUsedRatio": [0.5], "reward": [["0x1"]]}
GOOD = [(wire.log, LOG), (wire.block, BLOCK), (wire.receipt, RECEIPT), (wire.transaction, TRANSACTION),
        (wire.fee_history, HISTORY)]  # fmt: skip
JUNK_VALUES = [
    None,
    True,
    5,
    -1,
    1.5,
    "",
    "0x",
    "0xzz",
    "0x 1",
    "0x1_0",
    " 0x1",
    "0x" + "f" * 65,
    "0x0" * 50,
    [],
    {},
    [[]],
    "0xé",
]


@pytest.mark.parametrize(("decode", "good"), GOOD)
def test_a_good_answer_decodes(decode: Any, good: dict[str, Any]) -> None:
    assert decode(good)


@pytest.mark.parametrize(("decode", "good"), GOOD)
def test_junk_in_any_field_is_malformed_or_a_proper_value(decode: Any, good: dict[str, Any]) -> None:
    for junk in JUNK_VALUES:
        with pytest.raises(wire.Malformed):
            decode(junk)
    refused = 0
    for name in good:
        for changed in [{k: v for k, v in good.items() if k != name}] + [{**good, name: junk} for junk in JUNK_VALUES]:
            try:
                decode(changed)
            except wire.Malformed:
                refused += 1
    assert refused > len(good) * 8


def test_random_answers_never_raise_anything_else() -> None:
    seeded = random.Random(3)
    pool = [*JUNK_VALUES, HASH, ADDRESS, "0x1", *(dict(good) for _, good in GOOD)]
    for _ in range(5000):
        decode, good = seeded.choice(GOOD)
        value = {name: seeded.choice(pool) if seeded.random() < 0.3 else content for name, content in good.items()}
        with suppress(wire.Malformed):
            decode(value)


@pytest.mark.parametrize("value", ["0x 1", "0x1_0", "0X1", "+0x1", "1", "0x", "0x-1", "٣", 1, None])
def test_a_quantity_is_hexadecimal_and_nothing_else(value: Any) -> None:
    with pytest.raises(wire.Malformed):
        wire.quantity(value)


@pytest.mark.parametrize("value", ["0x0", "0x0 0 0", "0x00 ", "00", "0x0g", b"0x00", None])
def test_bytes_are_pairs_of_digits_and_nothing_else(value: Any) -> None:
    with pytest.raises(wire.Malformed):
        wire.data(value)


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (reads.block(2), BLOCK),
        (reads.block(b"\x01" * 32), BLOCK),
        (reads.receipt(b"\x01" * 32), RECEIPT),
        (reads.transaction(b"\x01" * 32), TRANSACTION),
        (reads.logs(ADDRESS, 2, 3), [LOG]),  # type: ignore[arg-type]
        (reads.logs("0x" + "22" * 20, 0, 3), [LOG]),  # type: ignore[arg-type]
        (reads.logs_by_hash(ADDRESS, b"\x01" * 32), [LOG]),  # type: ignore[arg-type]
        (reads.logs(ADDRESS, 0, 3), [{**LOG, "removed": True}]),  # type: ignore[arg-type]
    ],
)
def test_an_answer_to_another_question_is_malformed(read: reads.Read[Any], answer: Any) -> None:
    with pytest.raises(wire.Malformed):
        read.decode(answer)
