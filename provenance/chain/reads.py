"""Every read that we make of a chain: its method, its parameters and how its answer is decoded and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from provenance.chain import wire
from provenance.chain.wire import Block, FeeHistory, Log, Malformed, Receipt, Transaction
from provenance.core.encoding import Address, to_hex

_T = TypeVar("_T")

BlockTag = int | str | bytes
"""A number, a block hash (EIP-1898), or latest, safe, finalized, earliest, pending (the head's state, the coming block's
number and time)."""
Topics = Sequence[bytes | Sequence[bytes] | None]  # by place: one value, one of several, or anything


@dataclass(frozen=True)
class Read(Generic[_T]):
    """Repeatable without harm. `decode` raises Malformed."""

    method: str
    params: tuple[object, ...]
    decode: Callable[[object], _T]


def chain_id() -> Read[int]:
    return Read("eth_chainId", (), wire.quantity)


def block_number() -> Read[int]:
    return Read("eth_blockNumber", (), wire.quantity)


def block(which: BlockTag) -> Read[Block | None]:
    """None: there is no such block (yet, or any more)."""
    method = "eth_getBlockByHash" if isinstance(which, bytes) else "eth_getBlockByNumber"
    asked = to_hex(which) if isinstance(which, bytes) else _block(which)

    def decode(value: object) -> Block | None:
        found = wire.optional(wire.block)(value)
        if found is not None and which not in (found.number, found.hash) and not isinstance(which, str):
            raise Malformed(f"block {found.number} instead of the one asked for")
        return found

    return Read(method, (asked, False), decode)


def call(
    to: Address, data: bytes, block: BlockTag, *, sender: Address | None = None, gas: int | None = None
) -> Read[bytes]:
    """The return data of a call on the state after `block`. A revert is an RpcError; see rpc.revert_data."""
    return Read("eth_call", (_message(to, data, sender, gas, 0), _block(block)), wire.data)


def estimate_gas(
    to: Address | None, data: bytes, *, sender: Address, value: int = 0, block: BlockTag = "pending"
) -> Read[int]:
    return Read("eth_estimateGas", (_message(to, data, sender, None, value), _block(block)), wire.quantity)


def code(address: Address, block: BlockTag) -> Read[bytes]:
    return Read("eth_getCode", (address, _block(block)), wire.data)


def storage_at(address: Address, slot: int, block: BlockTag) -> Read[bytes]:
    return Read("eth_getStorageAt", (address, hex(slot), _block(block)), wire.hash32)


def balance(address: Address, block: BlockTag) -> Read[int]:
    return Read("eth_getBalance", (address, _block(block)), wire.quantity)


def transaction_count(address: Address, block: BlockTag) -> Read[int]:
    return Read("eth_getTransactionCount", (address, _block(block)), wire.quantity)


def receipt(transaction_hash: bytes) -> Read[Receipt | None]:
    """None: not (or no longer) in a block."""

    def decode(value: object) -> Receipt | None:
        found = wire.optional(wire.receipt)(value)
        if found is not None and found.transaction_hash != transaction_hash:
            raise Malformed("the receipt of another transaction")
        return found

    return Read("eth_getTransactionReceipt", (to_hex(transaction_hash),), decode)


def transaction(transaction_hash: bytes) -> Read[Transaction | None]:
    """None: the node does not know it, or has dropped it."""

    def decode(value: object) -> Transaction | None:
        found = wire.optional(wire.transaction)(value)
        if found is not None and found.hash != transaction_hash:
            raise Malformed("another transaction")
        return found

    return Read("eth_getTransactionByHash", (to_hex(transaction_hash),), decode)


def logs(address: Address, first: int, last: int, topics: Topics = ()) -> Read[list[Log]]:
    """Both ends are included. Which of the blocks are canonical is the node's word: see logs_by_hash."""
    criteria = {"address": address, "fromBlock": hex(first), "toBlock": hex(last), "topics": _topics(topics)}

    def belongs(log: Log) -> bool:
        return log.address == address and first <= log.block_number <= last

    return Read("eth_getLogs", (criteria,), _logs(belongs))


def logs_by_hash(address: Address, block_hash: bytes, topics: Topics = ()) -> Read[list[Log]]:
    """Those of exactly this block; a node that does not have it says so with an RpcError (EIP-234)."""
    criteria = {"address": address, "blockHash": to_hex(block_hash), "topics": _topics(topics)}
    return Read("eth_getLogs", (criteria,), _logs(lambda log: log.address == address and log.block_hash == block_hash))


def gas_price() -> Read[int]:
    return Read("eth_gasPrice", (), wire.quantity)


def max_priority_fee() -> Read[int]:
    return Read("eth_maxPriorityFeePerGas", (), wire.quantity)


def fee_history(count: int, newest: BlockTag, percentiles: Sequence[float] = ()) -> Read[FeeHistory]:
    return Read("eth_feeHistory", (hex(count), _block(newest), list(percentiles)), wire.fee_history)


def _logs(belongs: Callable[[Log], bool]) -> Callable[[object], list[Log]]:
    """Checked against the question, and in chain order whatever the node's was."""

    def decode(value: object) -> list[Log]:
        found = wire.items(wire.log)(value)
        if not all(map(belongs, found)):
            raise Malformed("logs that were not asked for")
        return sorted(found, key=lambda log: (log.block_number, log.log_index))

    return decode


def _block(which: BlockTag) -> object:
    if isinstance(which, bytes):
        return {"blockHash": to_hex(which), "requireCanonical": True}
    return hex(which) if isinstance(which, int) else which


def _topics(topics: Topics) -> list[object]:
    def encode(topic: bytes | Sequence[bytes] | None) -> object:
        if topic is None:
            return None
        return to_hex(topic) if isinstance(topic, bytes) else [to_hex(one) for one in topic]

    return [encode(topic) for topic in topics]


def _message(to: Address | None, data: bytes, sender: Address | None, gas: int | None, value: int) -> dict[str, str]:
    fields = {
        "to": to,
        "from": sender,
        "gas": None if gas is None else hex(gas),
        "value": hex(value) if value else None,
        "input": to_hex(data),
    }
    return {name: content for name, content in fields.items() if content is not None}
