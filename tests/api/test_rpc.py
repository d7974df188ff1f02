"""POST /rpc: a browser reads the chain through it; nobody sends, and nobody gets a free node."""

import socket
from dataclasses import replace

import pytest
from sqlalchemy import select
from web3 import Web3
from web3.providers import HTTPProvider
from werkzeug.test import Client

from api import create_app, offered
from provenance import wiring
from provenance.chain import calldata
from provenance.core.encoding import to_hex
from provenance.httpd import HttpServer
from provenance.store import tables
from tests.api.refusals import nothing_stored


def rpc(town, body):
    with nothing_stored(town):
        answer = town.call("POST", "/rpc", json=body)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.get_json()


def minting(town):
    with town.database.read() as session:
        return set(session.scalars(select(tables.BatchState.mint_transaction)))


def call(town, method, *params, identity=1):
    return rpc(town, {"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)})


def test_a_client_that_we_did_not_write_reads_the_registry(town, settled):
    server = HttpServer(town.app).start()
    try:
        provider = HTTPProvider(f"{server.url}/rpc", exception_retry_configuration=None)
        web3 = Web3(provider)
        assert web3.eth.chain_id == town.domain.chain_id
        data = calldata.encode_batch_of(settled.batch_id)
        found = calldata.decode_batch(bytes(web3.eth.call({"to": town.domain.registry, "data": to_hex(data)})))
        assert found.root == settled.batch.root
        logs = web3.eth.get_logs({"address": town.domain.registry, "fromBlock": 0, "toBlock": "latest"})
        assert {bytes(entry["transactionHash"]) for entry in logs} >= minting(town)
        provider._request_session_manager.session_cache.clear()
    finally:
        server.close()


@pytest.mark.parametrize(
    "method",
    [
        "eth_sendRawTransaction",
        "eth_sendTransaction",
        "eth_accounts",
        "personal_unlockAccount",
        "evm_mine",
        "evm_increaseTime",
        "debug_traceTransaction",
        "eth_newFilter",
        "eth_estimateGas",
        "ETH_CALL",
        "",
        "eth_call ",
        "\ud800",
        "x" * 10_000,
    ],
)
def test_only_the_reading_methods_are_offered(town, method):
    answer = call(town, method)
    assert answer["error"]["code"] == -32601
    assert len(answer["error"]["message"]) < 200


@pytest.mark.parametrize("method", ["eth_call", "eth_getLogs"])
def test_only_the_registry_is_asked(town, method):
    name = "to" if method == "eth_call" else "address"
    registry = town.domain.registry
    for subject in (
        {},
        {name: town.address("brand")},
        {name: None},
        {name: []},
        {name: [registry, town.address("brand")]},
        {name: 5},
        {name: registry + "0"},
        {name.upper(): registry},
        [registry],
        registry,
        None,
    ):
        assert call(town, method, subject, "latest")["error"]["code"] == -32602
    assert call(town, method)["error"]["code"] == -32602
    assert rpc(town, {"id": 1, "method": method, "params": {name: registry}})["error"]["code"] == -32602


def test_a_batch_is_answered_in_order(town):
    answers = rpc(town, [{"id": i, "method": "eth_chainId", "params": []} for i in range(20)])
    assert [answer["id"] for answer in answers] == list(range(20))
    assert {answer["result"] for answer in answers} == {hex(town.domain.chain_id)}


@pytest.mark.parametrize("size", [0, 21, 1000])
def test_a_batch_has_1_to_20_calls(town, size):
    assert rpc(town, [{"id": 1, "method": "eth_chainId"}] * size)["error"]["code"] == -32600


@pytest.mark.parametrize(
    "body", [1, "x", True, {}, {"method": 5}, {"method": None}, {"method": ["eth_call"]}, [1], [[]], [None]]
)
def test_what_is_no_call_is_said_to_be_none(town, body):
    answer = rpc(town, body)
    answer = answer[0] if isinstance(answer, list) else answer
    assert answer["error"]["code"] == -32600


@pytest.mark.parametrize("identity", [{}, [], True, 1.5, {"a": float("nan")}])
def test_an_id_is_a_number_or_a_string(town, identity):
    assert call(town, "eth_chainId", identity=identity)["error"]["code"] == -32600


@pytest.mark.parametrize("identity", [None, 0, -1, 10**30, "", "abc", "\ud800", "é"])
def test_an_id_comes_back_as_it_was(town, identity):
    answer = call(town, "eth_chainId", identity=identity)
    assert (answer["id"], answer["result"]) == (identity, hex(town.domain.chain_id))


@pytest.mark.parametrize(
    "params", [["zz", "latest"], [{}, {}], ["\ud800"], [1e400], [None] * 50, ["0x" + "0" * 100_000]]
)
def test_the_nodes_own_refusal_is_passed_on(town, params):
    answer = call(town, "eth_getBlockByNumber", *params)
    assert "error" in answer
    assert "Traceback" not in answer["error"]["message"]


def test_a_revert_comes_with_its_data(town):
    data = to_hex(calldata.encode_voucher_of(b"\x01" * 8, 1))[:10]
    answer = call(town, "eth_call", {"to": town.domain.registry, "data": data}, "latest")
    assert answer["error"]["data"] == "0x"


@pytest.mark.parametrize(
    "data",
    [
        to_hex(calldata.encode_execute_packed(b"\xff" * 100)),
        to_hex(calldata.encode_suspend_brand("0x" + "11" * 20)),
        "0x",
        None,
        to_hex(calldata.encode_batch_of(b"\x01" * 8) + bytes(offered.MAX_CALLDATA)),
    ],
)
def test_only_views_of_bounded_size_are_called(town, data):
    answer = call(town, "eth_call", {"to": town.domain.registry, "data": data}, "latest")
    assert answer["error"]["code"] == -32602
    assert "offered" in answer["error"]["message"]


def test_state_is_never_overridden(town):
    message = {"to": town.domain.registry, "data": to_hex(calldata.encode_batch_of(b"\x01" * 8))}
    assert call(town, "eth_call", message, "latest", {})["error"]["code"] == -32602


def test_the_caller_does_not_choose_the_gas():
    registry = "0x" + "22" * 20
    message = {
        "to": registry,
        "data": to_hex(calldata.encode_batch_of(b"\x01" * 8)),
        "gas": hex(10**9),
        "from": registry,
    }
    (asked, _) = offered.admit("eth_call", [message, "latest"], registry)
    assert asked == {"to": registry, "data": message["data"], "gas": hex(offered.MAX_GAS)}


def test_a_batch_past_its_deadline_asks_no_more(town, monkeypatch):
    monkeypatch.setattr("api.rpc.BATCH_SECONDS", 0.0)
    answers = rpc(town, [{"id": i, "method": "eth_chainId"} for i in range(3)])
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(i, -32005) for i in range(3)]


def test_a_dead_node_is_asked_once_a_batch(town):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    services = wiring.build_services(replace(town.settings, rpc_urls=(nowhere,), rpc_timeout=1.0), town.database)
    body = [{"id": i, "method": "eth_chainId", "params": []} for i in range(5)]
    answers = Client(create_app(services)).post("/rpc", json=body).get_json()
    services.registry.rpc.close()
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(i, -32002) for i in range(5)]
