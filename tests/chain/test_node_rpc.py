"""What the embedded node answers, asked through web3.py and plain HTTP."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
import requests
import rlp
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak, to_canonical_address, to_checksum_address
from web3.exceptions import Web3RPCError

from tests.chain.bytecode import CLOCK, DIVER, EMITTER, HASHER, INVALID, PASSER, REVERTER, SPINNER
from tests.chain.conftest import Devnet

STRANGER = "0x00000000000000000000000000000000000A11cE"


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


# ------------------------------------------------------------------------------------------------ blocks, transactions


def test_the_chain_has_the_id_it_was_given(shared: Devnet) -> None:
    assert shared.web3.eth.chain_id == 31337
    assert shared.web3.net.version == "31337"
    assert "py-evm" in shared.web3.client_version


def test_a_transfer_moves_its_value_and_pays_its_gas(shared: Devnet) -> None:
    before = shared.web3.eth.get_balance(shared.account.address)
    receipt = shared.send(to=STRANGER, value=12345, gas=21_000)
    spent = before - shared.web3.eth.get_balance(shared.account.address)
    assert (receipt["status"], receipt["gasUsed"], receipt["type"]) == (1, 21_000, 2)
    assert spent == 12345 + receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert shared.web3.eth.get_balance(STRANGER, receipt["blockNumber"]) == 12345
    assert shared.web3.eth.get_balance(STRANGER, receipt["blockNumber"] - 1) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"gasPrice": 10**10},
        {"gasPrice": 10**10, "accessList": [{"address": STRANGER, "storageKeys": ["0x" + "07" * 32]}]},
        {"accessList": [{"address": STRANGER, "storageKeys": ["0x" + "07" * 32]}]},
    ],
    ids=["legacy", "EIP-2930", "EIP-1559"],
)
def test_a_transaction_reads_back_as_it_was_signed(shared: Devnet, fields: dict[str, Any]) -> None:
    raw = shared.sign(to=STRANGER, value=1, data=b"\x00\xff", **fields)
    transaction_hash = shared.web3.eth.send_raw_transaction(raw)
    found = shared.web3.eth.get_transaction(transaction_hash)
    assert bytes(transaction_hash) == keccak(raw)
    rebuilt = {name: found[name] for name in ("nonce", "gas", "value", "to", "chainId") if name in found}
    fees = ("gasPrice",) if "gasPrice" in fields else ("maxFeePerGas", "maxPriorityFeePerGas")
    rebuilt |= {name: found[name] for name in fees} | {"data": found["input"]}
    if "accessList" in fields:
        rebuilt["accessList"] = [
            {"address": entry["address"], "storageKeys": entry["storageKeys"]} for entry in found["accessList"]
        ]
    assert shared.account.sign_transaction(rebuilt).raw_transaction == raw
    assert found["from"] == shared.account.address


def test_a_block_hash_is_the_hash_of_its_header(shared: Devnet) -> None:
    shared.send()
    block = shared.web3.eth.get_block("latest")
    names = (
        "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit gasUsed "
        "timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas "
        "parentBeaconBlockRoot requestsHash"
    )
    fields = [block[name] for name in names.split()]  # type: ignore[literal-required]
    fields[2] = to_canonical_address(block["miner"])
    assert keccak(rlp.encode(fields)) == bytes(block["hash"])


def test_blocks_are_found_by_number_hash_and_tag(shared: Devnet) -> None:
    shared.send()
    latest = shared.web3.eth.get_block("latest", full_transactions=True)
    assert shared.web3.eth.get_block(latest["hash"])["number"] == latest["number"]
    assert shared.web3.eth.get_block(latest["number"])["hash"] == latest["hash"]
    assert shared.web3.eth.get_block("finalized")["hash"] == shared.web3.eth.get_block("safe")["hash"] == latest["hash"]
    assert shared.web3.eth.get_block("earliest")["number"] == 0
    assert shared.web3.eth.get_block("pending")["number"] == latest["number"] + 1
    assert latest["transactions"][0]["blockHash"] == latest["hash"]  # type: ignore[index]
    assert (
        shared.rpc("eth_getBlockReceipts", hex(latest["number"]))["result"][0]["blockHash"]
        == latest["hash"].to_0x_hex()
    )


@pytest.mark.parametrize(
    ("method", "argument"),
    [
        ("eth_getBlockByNumber", "0xffffff"),
        ("eth_getBlockByHash", "0x" + "11" * 32),
        ("eth_getTransactionByHash", "0x" + "11" * 32),
        ("eth_getTransactionReceipt", "0x" + "11" * 32),
        ("eth_getBlockReceipts", "0xffffff"),
    ],
)
def test_what_is_not_there_is_null(shared: Devnet, method: str, argument: str) -> None:
    assert shared.rpc(method, argument)["result"] is None


def test_timestamps_rise_strictly(shared: Devnet) -> None:
    for _ in range(5):
        shared.send()
    head = shared.web3.eth.block_number
    times = [shared.web3.eth.get_block(number)["timestamp"] for number in range(head + 1)]
    assert times == sorted(set(times))


def test_the_create2_proxy_deploys_at_the_address_of_eip_1014(shared: Devnet) -> None:
    from provenance.chain.node.chain import CREATE2_PROXY

    code = b"\x60\x00\x60\x00\x53\x60\x01\x60\x00\xf3"  # deploys one zero byte
    receipt = shared.send(to=CREATE2_PROXY, data=word(5) + code)
    expected = keccak(b"\xff" + CREATE2_PROXY + word(5) + keccak(code))[12:]
    assert receipt["status"] == 1
    assert shared.web3.eth.get_code(to_checksum_address(expected)) == b"\x00"


def test_the_fee_history_is_that_of_the_blocks(shared: Devnet) -> None:
    for _ in range(3):
        shared.send()
    head = shared.web3.eth.block_number
    history = shared.web3.eth.fee_history(3, head - 1, [5, 95])
    blocks = [shared.web3.eth.get_block(number) for number in range(head - 3, head + 1)]
    assert history["oldestBlock"] == head - 3
    assert history["baseFeePerGas"] == [block["baseFeePerGas"] for block in blocks]
    assert history["gasUsedRatio"] == [block["gasUsed"] / block["gasLimit"] for block in blocks[:3]]
    assert history["reward"] == [[10**9, 10**9]] * 3
    assert shared.web3.eth.gas_price > shared.web3.eth.max_priority_fee > 0


# ------------------------------------------------------------------------------------------------ calls


def test_a_call_sees_the_block_that_it_names(shared: Devnet) -> None:
    emitter = shared.deploy(EMITTER)
    receipts = [shared.send(to=emitter, data=word(1) + word(2)) for _ in range(3)]
    call = {"to": emitter, "data": word(1) + word(2)}
    for count, receipt in enumerate(receipts, 1):
        assert int.from_bytes(shared.web3.eth.call(call, receipt["blockNumber"])) == count + 1  # type: ignore[arg-type]
        named = {"blockHash": receipt["blockHash"].to_0x_hex(), "requireCanonical": True}
        assert int(shared.rpc("eth_call", {"to": emitter, "input": "0x" + "00" * 64}, named)["result"], 16) == count + 1
        assert int.from_bytes(shared.web3.eth.get_storage_at(emitter, 0, receipt["blockNumber"])) == count  # type: ignore[arg-type]


def test_a_call_runs_at_the_time_of_its_block_and_pending_at_the_coming_one(devnet: Devnet) -> None:
    clock = devnet.deploy(CLOCK)
    latest = devnet.web3.eth.get_block("latest")
    devnet.rpc("evm_increaseTime", 1000)

    def now(block: str) -> tuple[int, int]:
        output = devnet.web3.eth.call({"to": clock}, block)  # type: ignore[typeddict-item, arg-type]
        return int.from_bytes(output[:32]), int.from_bytes(output[32:])

    assert now("latest") == (latest["timestamp"], latest["number"])
    assert now("pending")[0] >= latest["timestamp"] + 999
    assert now("pending")[1] == latest["number"] + 1


def test_revert_data_comes_back_under_code_3(shared: Devnet) -> None:
    reverter = shared.deploy(REVERTER)
    for payload, message in (
        (bytes.fromhex("deadbeef"), "execution reverted"),
        (b"", "execution reverted"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["no quota"]), "execution reverted: no quota"),
        (bytes.fromhex("4e487b71") + word(0x11), "execution reverted: panic code 0x11"),
        (bytes.fromhex("08c379a0") + b"junk", "execution reverted"),
    ):
        for method in ("eth_call", "eth_estimateGas"):
            error = shared.rpc(method, {"to": reverter, "data": "0x" + payload.hex()})["error"]
            assert error == {"code": 3, "message": message, "data": "0x" + payload.hex()}


def test_a_call_that_fails_otherwise_says_how(shared: Devnet) -> None:
    assert "out of gas" in shared.rpc("eth_call", {"to": shared.deploy(SPINNER), "gas": "0x30000"})["error"]["message"]
    assert "invalid" in shared.rpc("eth_call", {"to": shared.deploy(INVALID)})["error"]["message"]
    poor = shared.rpc("eth_call", {"from": STRANGER, "to": STRANGER, "value": hex(10**30)})
    assert poor["error"]["message"].startswith("insufficient funds for gas * price + value")


def test_a_call_changes_nothing(shared: Devnet) -> None:
    emitter = shared.deploy(EMITTER)
    for _ in range(2):
        assert shared.web3.eth.call({"to": emitter, "data": bytes(64)}) == word(1)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("runtime", [EMITTER, HASHER, PASSER], ids=["storage", "computation", "nested call"])
def test_an_estimate_suffices_and_is_tight(shared: Devnet, runtime: bytes) -> None:
    data = bytes(64) if runtime is EMITTER else bytes(12) + to_canonical_address(shared.deploy(HASHER))
    fields: dict[str, Any] = {"to": shared.deploy(runtime), "data": data}
    estimate = shared.web3.eth.estimate_gas({"from": shared.account.address, **fields})  # type: ignore[typeddict-item]
    assert shared.send(**fields, gas=int(estimate * 0.98))["status"] == 0
    assert shared.send(**fields, gas=estimate)["status"] == 1
    assert shared.web3.eth.estimate_gas({"to": STRANGER, "value": 1, "from": shared.account.address}) == 21_000  # type: ignore[typeddict-item]


def test_recursion_to_the_evms_limit_does_not_crash_the_node(shared: Devnet) -> None:
    diver = shared.deploy(DIVER)
    assert shared.rpc("eth_call", {"to": diver, "gas": hex(30_000_000)})["result"] == "0x"
    assert shared.send(to=diver, gas=2**24)["status"] == 1


# ------------------------------------------------------------------------------------------------ sending


def test_a_transaction_that_fails_is_still_a_transaction(shared: Devnet) -> None:
    receipt = shared.send(to=shared.deploy(REVERTER), data=b"\x01")
    assert receipt["status"] == 0
    assert receipt["logs"] == []


def refusal(devnet: Devnet, raw: bytes) -> str:
    head = devnet.web3.eth.block_number
    error = devnet.rpc("eth_sendRawTransaction", "0x" + raw.hex())["error"]
    assert error["code"] == -32000
    assert devnet.web3.eth.block_number == head
    return str(error["message"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"nonce": 0}, "nonce too low: next nonce "),
        ({"nonce": 10**6}, "nonce too high: next nonce "),
        ({"value": 10**30}, "insufficient funds for gas * price + value"),
        ({"gas": 20_000}, "intrinsic gas too low: gas 20000, minimum needed 21000"),
        ({"gas": 22_000, "data": b"\x01" * 60}, "insufficient gas for floor data gas cost"),
        ({"gas": 2**24 + 1}, "transaction gas limit too high"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, "max fee per gas less than block base fee"),
        (
            {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**11},
            "max priority fee per gas higher than max fee per gas",
        ),
        ({"chainId": 1}, "invalid sender: invalid chain id for signer: have 1 want 31337"),
        ({"gasPrice": 10**10, "chainId": 5}, "invalid sender: invalid chain id for signer: have 5 want 31337"),
    ],
)
def test_a_refusal_is_said_in_geths_words(shared: Devnet, fields: dict[str, Any], words: str) -> None:
    shared.send()
    assert refusal(shared, shared.sign(**fields)).startswith(words)


def test_the_same_bytes_again_are_already_known(shared: Devnet) -> None:
    raw = shared.sign()
    shared.web3.eth.send_raw_transaction(raw)
    assert refusal(shared, raw) == "already known"


def test_an_unprotected_transaction_is_refused(shared: Devnet) -> None:
    unprotected = shared.account.sign_transaction(
        {"nonce": shared.web3.eth.get_transaction_count(shared.account.address), "gas": 21_000, "gasPrice": 10**10,
         "to": STRANGER, "value": 1, "data": b""}
    )  # fmt: skip
    assert "EIP-155" in refusal(shared, bytes(unprotected.raw_transaction))


def test_a_transaction_of_a_poor_sender_is_refused(shared: Devnet) -> None:
    poor = Account.create().sign_transaction(
        {"nonce": 0, "gas": 21_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "to": STRANGER, "value": 0,
         "chainId": 31337}
    )  # fmt: skip
    assert refusal(shared, bytes(poor.raw_transaction)).startswith("insufficient funds")


def test_junk_instead_of_a_transaction_is_refused_and_changes_nothing(shared: Devnet) -> None:
    good = shared.sign(data=bytes(range(64)))
    mangled = [b"", b"\x00", b"\x02", b"\x02\xc0", b"\x03" + good[1:], b"\x04" + good[1:], b"\xff" * 40, good[:-1]]
    mangled += [good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :]
                for position in range(len(good)) for bit in (0x40,)]  # fmt: skip
    for raw in mangled:
        refusal(shared, raw)


def test_a_malleated_signature_is_refused(shared: Devnet) -> None:
    fields = rlp.decode(shared.sign()[1:])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    fields[-3] = b"" if fields[-3] else b"\x01"
    fields[-1] = (order - int.from_bytes(fields[-1])).to_bytes(32)
    refusal(shared, b"\x02" + rlp.encode(fields))


def test_no_key_is_held_by_the_node(shared: Devnet) -> None:
    assert shared.web3.eth.accounts == []
    for method in ("eth_sendTransaction", "eth_sign", "eth_signTypedData_v4"):
        error = shared.rpc(method, {"from": shared.account.address, "to": STRANGER})["error"]
        assert error["code"] == -32601
        assert "eth_sendRawTransaction" in error["message"]


# ------------------------------------------------------------------------------------------------ logs


@pytest.fixture(scope="module")
def emitted(shared: Devnet) -> tuple[Devnet, list[str], list[Any]]:
    """Two emitters, 24 logs over all combinations of 3 first and 2 second topics, between other blocks."""
    emitters = [shared.deploy(EMITTER) for _ in range(2)]
    logs = []
    for emitter, one, two in itertools.product(emitters, (1, 2, 3), (7, 8)):
        for payload in (b"", b"some data"):
            logs += shared.send(to=emitter, data=word(one) + word(two) + payload)["logs"]
        shared.send()
    return shared, emitters, logs


@pytest.mark.parametrize("addresses", [None, [0], [1], [0, 1]])
@pytest.mark.parametrize(
    "topics", [None, [], [1], [None, 7], [[1, 3]], [[1, 2], [8]], [None, None], [3, [7, 8]], [[], 7], [9], [1, 7, None]]
)
def test_logs_are_those_that_the_filter_names(
    emitted: Any, addresses: list[int] | None, topics: list[Any] | None
) -> None:
    devnet, emitters, logs = emitted
    wanted = {emitters[i] for i in addresses} if addresses is not None else set(emitters)

    def listed(topic: Any) -> set[int]:
        return set() if topic is None else set(topic) if isinstance(topic, list) else {topic}

    def matches(log: Any) -> bool:
        values = [int.from_bytes(topic) for topic in log["topics"]]
        return log["address"] in wanted and len(values) >= len(topics or []) and all(
            not listed(topic) or value in listed(topic) for topic, value in zip(topics or [], values, strict=False)
        )  # fmt: skip

    def hexed(topic: Any) -> Any:
        return (
            [hexed(t) for t in topic]
            if isinstance(topic, list)
            else None
            if topic is None
            else "0x" + word(topic).hex()
        )

    criteria = {"fromBlock": logs[0]["blockNumber"], "toBlock": "latest", "address": sorted(wanted)}
    found = devnet.web3.eth.get_logs(criteria | ({} if topics is None else {"topics": hexed(topics)}))
    assert list(found) == [log for log in logs if matches(log)]


def test_a_range_of_blocks_bounds_the_logs(emitted: Any) -> None:
    devnet, _, logs = emitted
    first, last = logs[5]["blockNumber"], logs[11]["blockNumber"]
    assert list(devnet.web3.eth.get_logs({"fromBlock": first, "toBlock": last})) == logs[5:12]
    assert list(devnet.web3.eth.get_logs({"blockHash": logs[8]["blockHash"]})) == [logs[8]]
    assert devnet.web3.eth.get_logs({"fromBlock": "latest"}) == []
    assert devnet.web3.eth.get_logs({"fromBlock": 0, "toBlock": 10**9})[-1] == logs[-1]


def test_blocks_that_the_bloom_rules_out_are_not_opened(emitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from provenance.chain.node.view import View

    devnet, emitters, logs = emitted
    opened: list[int] = []
    transactions = View.transactions
    monkeypatch.setattr(
        View, "transactions", lambda view, header: opened.append(header.block_number) or transactions(view, header)
    )
    devnet.web3.eth.get_logs({"fromBlock": 0, "toBlock": "latest", "address": emitters[1]})
    assert set(opened) >= {log["blockNumber"] for log in logs if log["address"] == emitters[1]}
    assert len(opened) <= 12 + 2  # its own twelve; a bloom filter may err on the side of opening


@pytest.mark.parametrize(
    "criteria",
    [
        {"fromBlock": "0x5", "toBlock": "0x1"},
        {"blockHash": "0x" + "11" * 32, "fromBlock": "0x1"},
        {"address": "0x1234"},
        {"address": 5},
        {"topics": ["0x12"]},
        {"topics": "0x12"},
        {"topics": [None] * 5},
        {"fromBlock": "first"},
        {"fromBlock": -1},
        [],
        "x",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(shared: Devnet, criteria: Any) -> None:
    assert shared.rpc("eth_getLogs", criteria)["error"]["code"] == -32602


def test_more_logs_than_fit_in_an_answer_are_refused(emitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from provenance.chain.node import logs as module

    devnet, emitters, _ = emitted
    criteria = {"fromBlock": "0x0", "address": emitters}
    monkeypatch.setattr(module, "MAX_LOGS", 23)
    assert devnet.rpc("eth_getLogs", criteria)["error"]["code"] == -32005
    monkeypatch.setattr(module, "MAX_LOGS", 24)
    assert len(devnet.rpc("eth_getLogs", criteria)["result"]) == 24


def test_logs_of_an_unknown_block_are_an_error_and_not_empty(shared: Devnet) -> None:
    assert shared.rpc("eth_getLogs", {"blockHash": "0x" + "11" * 32})["error"]["message"] == "header not found"


# ------------------------------------------------------------------------------------------------ development methods


def test_the_clock_can_be_moved_for_tests(devnet: Devnet) -> None:
    now = devnet.web3.eth.get_block("latest")["timestamp"]
    devnet.rpc("evm_setNextBlockTimestamp", now + 5000)
    devnet.rpc("evm_mine")
    assert devnet.web3.eth.get_block("latest")["timestamp"] == now + 5000
    assert now + 5001 <= devnet.web3.eth.get_block(devnet.send()["blockNumber"])["timestamp"] <= now + 5005
    devnet.rpc("evm_increaseTime", 10_000)
    assert devnet.web3.eth.get_block(devnet.send()["blockNumber"])["timestamp"] >= now + 15_000
    assert devnet.rpc("evm_setNextBlockTimestamp", now)["error"]["code"] == -32602


@pytest.mark.parametrize("method", ["evm_increaseTime", "evm_setNextBlockTimestamp", "evm_mine"])
def test_the_clock_cannot_be_moved_without_the_dev_flag(shared: Devnet, method: str) -> None:
    assert shared.rpc(method, 5)["error"]["code"] == -32601


# ------------------------------------------------------------------------------------------------ JSON-RPC and HTTP


def post(devnet: Devnet, body: bytes | str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        return session.post(devnet.url, data=body, headers={"Content-Type": "application/json", **headers}, timeout=20)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("\xff", -32700),
        ("[" * 100_000, -32700),
        ('{"a":' * 100_000, -32700),
        ("[]", -32600),
        ("5", -32600),
        ("null", -32600),
        ('"x"', -32600),
        ('{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        ('{"jsonrpc":"2.0","id":1}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        ('{"jsonrpc":"2.0","id":[],"method":"eth_chainId"}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_nope"}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12"]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[7]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x1","yes"]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x"]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{},"latest",{}]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_call","params":["0x"]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"accessList":5}]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x1","latest",[101]]}', -32602),
        ('{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{},"0xffffff"]}', -32000),
    ],
)  # fmt: skip
def test_a_bad_request_gets_a_json_rpc_error(shared: Devnet, body: str, code: int) -> None:
    response = post(shared, body.encode("latin-1"))
    assert response.status_code == 200
    assert response.json()["error"]["code"] == code
    assert "Traceback" not in response.text


def test_random_parameters_never_cause_an_internal_error(shared: Devnet) -> None:
    from provenance.chain.node.methods import NODE, READS

    seeded = random.Random(2)
    values = [None, True, 0, -1, 2**70, 0.5, "", "0x", "0x0", "0x" + "f" * 64, "latest", "pending", "é", [], {}, [50],
              [None], {"to": "0x"}, {"topics": [[], None]}, {"blockHash": "0x" + "11" * 32}, "0x" + "11" * 20,
              "0x" + "22" * 32]  # fmt: skip
    for method in sorted([*READS, *NODE]):
        for _ in range(25):
            response = shared.rpc(method, *(seeded.choice(values) for _ in range(seeded.randrange(4))))
            assert response.get("error", {}).get("code") != -32603, (method, response)


def test_an_internal_error_reveals_nothing(devnet: Devnet, monkeypatch: pytest.MonkeyPatch) -> None:
    from provenance.chain.node import methods

    monkeypatch.setitem(methods.READS, "eth_blockNumber", lambda *_: 1 / 0)
    error = devnet.rpc("eth_blockNumber")["error"]
    assert error["code"] == -32603
    assert "division" not in error["message"]


def test_a_batch_is_answered_item_by_item(shared: Devnet) -> None:
    items = ['{"jsonrpc":"2.0","id":"a","method":"eth_chainId"}', "5", '{"jsonrpc":"2.0","method":"eth_chainId"}',
             '{"jsonrpc":"2.0","id":null,"method":"eth_nope"}']  # fmt: skip
    answers = post(shared, f"[{','.join(items)}]").json()
    assert [(answer["id"], answer.get("result"), answer.get("error", {}).get("code")) for answer in answers] == [
        ("a", "0x7a69", None), (None, None, -32600), (None, None, -32601)]  # fmt: skip
    too_many = post(shared, f"[{','.join(['5'] * 1001)}]").json()
    assert too_many["error"]["code"] == -32600


def test_a_notification_gets_no_answer(shared: Devnet) -> None:
    response = post(shared, '{"jsonrpc":"2.0","method":"eth_chainId"}')
    assert (response.status_code, response.content) == (204, b"")


def test_a_browser_may_ask_from_any_origin(shared: Devnet) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type"}  # fmt: skip
    with requests.Session() as session:
        preflight = session.options(shared.url, headers=asked, timeout=5)
    assert preflight.status_code == 204
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    for response in (preflight, post(shared, "{}"), post(shared, b"x" * (6 * 2**20))):
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_http_misuse_gets_a_4xx(shared: Devnet) -> None:
    with requests.Session() as session:
        assert session.get(shared.url, timeout=5).status_code == 405
        assert session.put(shared.url, timeout=5).status_code == 405
        assert session.post(shared.url, data="{}", headers={"Content-Type": "text/plain"}, timeout=5).status_code == 415
    assert post(shared, b"x" * (6 * 2**20)).status_code == 413


def test_web3s_own_errors_carry_the_nodes_words(shared: Devnet) -> None:
    shared.send()
    with pytest.raises(Web3RPCError, match="nonce too low"):
        shared.web3.eth.send_raw_transaction(shared.sign(nonce=0, value=3))
