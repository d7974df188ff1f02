"""Every read that we make of a chain: its method, its parameters and how its answer is decoded and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from eth_typing import ChecksumAddress

from provenance.chain import wire
from provenance.chain.wire import Block, FeeHistory, Log, Malformed, Receipt, Transaction

_T = TypeVar("_T")

MinedTag = Literal["latest", "safe", "finalized", "earliest"]
MinedBlockId = MinedTag | int | bytes  # a tag, a number, or a block hash (EIP-1898)
BlockId = MinedBlockId | Literal["pending"]  # pending: after the head, at the time of the coming block
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


def block(which: MinedBlockId) -> Read[Block | None]:
    """None: there is no such block (yet, or any more)."""
    method = "eth_getBlockByHash" if isinstance(which, bytes) else "eth_getBlockByNumber"
    asked = _hex(which) if isinstance(which, bytes) else _block(which)

    def decode(value: object) -> Block | None:
        found = wire.optional(wire.block)(value)
        if found is not None and which not in (found.number, found.hash) and not isinstance(which, str):
            raise Malformed(f"block {found.number} instead of the one asked for")
        return found

    return Read(method, (asked, False), decode)


def call(
    to: ChecksumAddress, data: bytes, block: BlockId, *, sender: ChecksumAddress | None = None, gas: int | None = None
) -> Read[bytes]:
    """The return data of a call on the state after `block`. A revert is an RpcError; see rpc.revert_data."""
    return Read("eth_call", (_message(to, data, sender, gas, 0), _block(block)), wire.data)


def estimate_gas(
    to: ChecksumAddress | None, data: bytes, *, sender: ChecksumAddress, value: int = 0, block: BlockId = "pending"
) -> Read[int]:
    return Read("eth_estimateGas", (_message(to, data, sender, None, value), _block(block)), wire.quantity)


def code(address: ChecksumAddress, block: BlockId) -> Read[bytes]:
    return Read("eth_getCode", (address, _block(block)), wire.data)


def storage_at(address: ChecksumAddress, slot: int, block: BlockId) -> Read[bytes]:
    return Read("eth_getStorageAt", (address, hex(slot), _block(block)), wire.hash32)


def balance(address: ChecksumAddress, block: BlockId) -> Read[int]:
    return Read("eth_getBalance", (address, _block(block)), wire.quantity)


def transaction_count(address: ChecksumAddress, block: BlockId) -> Read[int]:
    return Read("eth_getTransactionCount", (address, _block(block)), wire.quantity)


def receipt(transaction_hash: bytes) -> Read[Receipt | None]:
    """None: not (or no longer) in a block."""

    def decode(value: object) -> Receipt | None:
        found = wire.optional(wire.receipt)(value)
        if found is not None and found.transaction_hash != transaction_hash:
            raise Malformed("the receipt of another transaction")
        return found

    return Read("eth_getTransactionReceipt", (_hex(transaction_hash),), decode)


def transaction(transaction_hash: bytes) -> Read[Transaction | None]:
    """None: the node does not know it, or has dropped it."""

    def decode(value: object) -> Transaction | None:
        found = wire.optional(wire.transaction)(value)
        if found is not None and found.hash != transaction_hash:
            raise Malformed("another transaction")
        return found

    return Read("eth_getTransactionByHash", (_hex(transaction_hash),), decode)


def logs(address: ChecksumAddress, from_block: int, to_block: int, topics: Topics = ()) -> Read[tuple[Log, ...]]:
    """Both ends are included. Which of the blocks are canonical is the node's word: see logs_by_hash."""
    criteria = {"address": address, "fromBlock": hex(from_block), "toBlock": hex(to_block), "topics": _topics(topics)}

    def belongs(log: Log) -> bool:
        return log.address == address and from_block <= log.block_number <= to_block

    return Read("eth_getLogs", (criteria,), _logs(belongs))


def logs_by_hash(address: ChecksumAddress, block_hash: bytes, topics: Topics = ()) -> Read[tuple[Log, ...]]:
    """Those of exactly this block; a node that does not have it says so with an RpcError (EIP-234)."""
    criteria = {"address": address, "blockHash": _hex(block_hash), "topics": _topics(topics)}
    return Read("eth_getLogs", (criteria,), _logs(lambda log: log.address == address and log.block_hash == block_hash))


def gas_price() -> Read[int]:
    return Read("eth_gasPrice", (), wire.quantity)


def max_priority_fee() -> Read[int]:
    return Read("eth_maxPriorityFeePerGas", (), wire.quantity)


def fee_history(count: int, newest: MinedTag | int, percentiles: Sequence[float] = ()) -> Read[FeeHistory]:
    return Read("eth_feeHistory", (hex(count), _block(newest), list(percentiles)), wire.fee_history)


def _logs(belongs: Callable[[Log], bool]) -> Callable[[object], tuple[Log, ...]]:
    """Checked against the question, and in chain order whatever the node's was."""

    def decode(value: object) -> tuple[Log, ...]:
        found = wire.items(wire.log)(value)
        if not all(map(belongs, found)):
            raise Malformed("logs that were not asked for")
        return tuple(sorted(found, key=lambda log: (log.block_number, log.log_index)))

    return decode


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _block(which: BlockId) -> object:
    if isinstance(which, bytes):
        return {"blockHash": _hex(which), "requireCanonical": True}
    return hex(which) if isinstance(which, int) else which


def _topics(topics: Topics) -> list[object]:
    def encode(topic: bytes | Sequence[bytes] | None) -> object:
        if topic is None:
            return None
        return _hex(topic) if isinstance(topic, bytes) else [_hex(one) for one in topic]

    return [encode(topic) for topic in topics]


def _message(
    to: ChecksumAddress | None, data: bytes, sender: ChecksumAddress | None, gas: int | None, value: int
) -> dict[str, str]:
    fields = {
        "to": to,
        "from": sender,
        "gas": None if gas is None else hex(gas),
        "value": hex(value) if value else None,
        "input": _hex(data),
    }
    return {name: content for name, content in fields.items() if content is not None}
