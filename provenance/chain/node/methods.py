"""The table of JSON-RPC methods; each entry parses its parameters, reads a view, and encodes the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from eth.abc import BlockHeaderAPI
from eth_utils import keccak

from provenance.chain.node import parameters as p
from provenance.chain.node.encoding import (
    Json,
    data,
    effective_gas_price,
    encode_block,
    encode_pending,
    encode_receipt,
    encode_transaction,
    quantity,
    word,
)
from provenance.chain.node.execution import call, estimate_gas
from provenance.chain.node.logs import find_logs
from provenance.chain.node.node import Node
from provenance.chain.node.parameters import Params, invalid
from provenance.chain.node.view import BlockId, View, base_fee
from provenance.errors import RpcError

CLIENT_VERSION = "voucher-provenance/1 (py-evm, prague)"
SUGGESTED_TIP = 10**9  # wei a unit of gas: no one competes for space here
MAX_FEE_HISTORY = 1024
METHOD_NOT_FOUND = -32601


def _block(view: View, header: BlockHeaderAPI | None, block: BlockId, full: bool) -> Json:
    if header is None:
        return None
    return encode_pending(header) if block == "pending" else encode_block(header, view.transactions(header), full)


def get_block_by_number(view: View, params: Params) -> Json:
    block = params.get(0, p.block)
    return _block(view, view.find_header(block), block, params.get(1, p.boolean, False))


def get_block_by_hash(view: View, params: Params) -> Json:
    block = params.get(0, p.hash32)
    return _block(view, view.find_header(block), block, params.get(1, p.boolean, False))


def get_block_receipts(view: View, params: Params) -> Json:
    header = view.find_header(params.get(0, p.block))
    return None if header is None else [encode_receipt(included) for included in view.transactions(header)]


def get_transaction_by_hash(view: View, params: Params) -> Json:
    included = view.find_transaction(params.get(0, p.hash32))
    return None if included is None else encode_transaction(included)


def get_transaction_receipt(view: View, params: Params) -> Json:
    included = view.find_transaction(params.get(0, p.hash32))
    return None if included is None else encode_receipt(included)


def eth_call(view: View, params: Params) -> Json:
    params.at_most(2, ": state overrides are not supported")
    return data(call(view, params.get(0, p.message), params.get(1, p.block, "latest")))


def eth_estimate_gas(view: View, params: Params) -> Json:
    params.at_most(2, ": state overrides are not supported")
    return quantity(estimate_gas(view, params.get(0, p.message), params.get(1, p.block, "pending")))


def get_balance(view: View, params: Params) -> Json:
    return quantity(view.state(params.get(1, p.block, "latest")).get_balance(params.get(0, p.address)))


def get_code(view: View, params: Params) -> Json:
    return data(view.state(params.get(1, p.block, "latest")).get_code(params.get(0, p.address)))


def get_transaction_count(view: View, params: Params) -> Json:
    return quantity(view.state(params.get(1, p.block, "latest")).get_nonce(params.get(0, p.address)))


def get_storage_at(view: View, params: Params) -> Json:
    state = view.state(params.get(2, p.block, "latest"))
    return word(state.get_storage(params.get(0, p.address), params.get(1, p.quantity)))


def get_logs(view: View, params: Params) -> Json:
    criteria = params.get(0, p.log_criteria)
    return find_logs(view, _headers_of(view, criteria), p.log_filter(criteria, "argument 0"))


def _headers_of(view: View, criteria: dict[str, Any]) -> Iterator[BlockHeaderAPI]:
    if "blockHash" in criteria:
        yield view.header(p.hash32(criteria["blockHash"], "argument 0.blockHash"))
        return
    first, last = (_bound(view, criteria.get(name) or "latest", name) for name in ("fromBlock", "toBlock"))
    if first > last:
        raise invalid("invalid block range params: fromBlock is after toBlock")
    for number in range(first, min(last, view.head.block_number) + 1):
        yield view.header(number)


def _bound(view: View, value: Any, name: str) -> int:
    block = p.block(value, f"argument 0.{name}")
    return block if isinstance(block, int) else view.header(block).block_number


def gas_price(view: View, params: Params) -> Json:
    return quantity(base_fee(view.pending()) + SUGGESTED_TIP)


def fee_history(view: View, params: Params) -> Json:
    newest = view.header(params.get(1, p.block))
    last = min(newest.block_number, view.head.block_number)
    count = min(params.get(0, p.integer), MAX_FEE_HISTORY, last + 1)
    headers = [view.header(number) for number in range(last - count + 1, last + 1)]
    following = view.find_header(last + 1) or view.pending()
    percentiles = params.get(2, p.percentiles, [])
    return {
        "oldestBlock": quantity(last - count + 1),
        "baseFeePerGas": [quantity(base_fee(header)) for header in (*headers, following)],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        **({"reward": [_rewards(view, header, percentiles) for header in headers]} if percentiles else {}),
    }


def _rewards(view: View, header: BlockHeaderAPI, percentiles: list[float]) -> list[Json]:
    """A block holds one transaction: all percentiles of its tips are equal. Empty ones give 0, as in geth."""
    tips = [effective_gas_price(included) - base_fee(header) for included in view.transactions(header)]
    return [quantity(max(tips, default=0))] * len(percentiles)


def increase_time(node: Node, params: Params) -> Json:
    return quantity(node.clock.advance(params.get(0, p.integer)))


def set_next_block_timestamp(node: Node, params: Params) -> Json:
    timestamp = params.get(0, p.integer)
    with node.view() as view:
        if timestamp <= view.head.timestamp:
            raise invalid(f"timestamp {timestamp} is not after the last block's {view.head.timestamp}")
    node.clock.pin_next(timestamp)


def mine(node: Node, params: Params) -> Json:
    node.mine()
    return quantity(0)


READS: dict[str, Callable[[View, Params], Json]] = {
    "eth_blockNumber": lambda view, _: quantity(view.head.block_number),
    "eth_call": eth_call,
    "eth_estimateGas": eth_estimate_gas,
    "eth_feeHistory": fee_history,
    "eth_gasPrice": gas_price,
    "eth_getBalance": get_balance,
    "eth_getBlockByHash": get_block_by_hash,
    "eth_getBlockByNumber": get_block_by_number,
    "eth_getBlockReceipts": get_block_receipts,
    "eth_getCode": get_code,
    "eth_getLogs": get_logs,
    "eth_getStorageAt": get_storage_at,
    "eth_getTransactionByHash": get_transaction_by_hash,
    "eth_getTransactionCount": get_transaction_count,
    "eth_getTransactionReceipt": get_transaction_receipt,
}

NODE: dict[str, Callable[[Node, Params], Json]] = {
    "eth_accounts": lambda *_: [],
    "eth_chainId": lambda node, _: quantity(node.chain_id),
    "eth_maxPriorityFeePerGas": lambda *_: quantity(SUGGESTED_TIP),
    "eth_sendRawTransaction": lambda node, params: data(node.send_raw_transaction(params.get(0, p.data))),
    "eth_syncing": lambda *_: False,
    "net_listening": lambda *_: True,
    "net_peerCount": lambda *_: quantity(0),
    "net_version": lambda node, _: str(node.chain_id),
    "web3_clientVersion": lambda *_: CLIENT_VERSION,
    "web3_sha3": lambda _, params: data(keccak(params.get(0, p.data))),
}

DEV: dict[str, Callable[[Node, Params], Json]] = {
    "evm_increaseTime": increase_time,
    "evm_mine": mine,
    "evm_setNextBlockTimestamp": set_next_block_timestamp,
}

KEYLESS = {
    "eth_sendTransaction",
    "eth_sign",
    "eth_signTransaction",
    "eth_signTypedData",
    "eth_signTypedData_v4",
}


def execute(node: Node, method: str, params: Params) -> Json:
    """The result of one call. Raises RpcError."""
    if method in READS:
        with node.view() as view:
            return READS[method](view, params)
    if method in NODE:
        return NODE[method](node, params)
    if method in DEV and node.dev:
        return DEV[method](node, params)
    if method in KEYLESS:
        detail = f"{method}: this node holds no keys; sign the transaction yourself and use eth_sendRawTransaction"
    else:
        detail = f"the method {method[:64]} does not exist/is not available"
    raise RpcError(detail, rpc_code=METHOD_NOT_FOUND)
