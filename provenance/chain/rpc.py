"""The only module that speaks RPC: typed calls, the block always explicit, answers checked before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from provenance.chain.transport import Transport
from provenance.core.encoding import Address, parse_address, parse_hex, to_hex
from provenance.errors import ChainUnavailable, InvalidInput

BlockTag = int | str
"""A number, or latest, safe, finalized, earliest, pending."""

READ_ATTEMPTS = 2

_T = TypeVar("_T")


@dataclass(frozen=True)
class Block:
    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee: int | None
    logs_bloom: bytes


@dataclass(frozen=True)
class Log:
    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    log_index: int


@dataclass(frozen=True)
class Receipt:
    """`status` is 1 for success, 0 for a transaction that reverted."""

    transaction_hash: bytes
    status: int
    block_number: int
    block_hash: bytes
    gas_used: int
    contract_address: Address | None


class Rpc:
    """`urls`: the first is used, the others are for cross-checks. `timeout` is the whole time of one call, in seconds."""

    def __init__(self, urls: Sequence[str] | str, *, timeout: float = 10.0) -> None:
        self.endpoints = (urls,) if isinstance(urls, str) else tuple(urls)
        self._transport = Transport(self.endpoints[0], timeout)

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """A raw read, tried twice where the endpoint did not answer. Raises ChainUnavailable or RpcError."""
        for attempt in range(READ_ATTEMPTS):
            try:
                return self._transport.request(method, params)
            except ChainUnavailable:
                if attempt + 1 == READ_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def chain_id(self) -> int:
        return self._read("eth_chainId", [], _quantity)

    def block_number(self) -> int:
        return self._read("eth_blockNumber", [], _quantity)

    def find_block(self, block: BlockTag) -> Block | None:
        """None: the node has no such block."""
        return self._read("eth_getBlockByNumber", [_tag(block), False], _optional(_block))

    def block(self, block: BlockTag) -> Block:
        found = self.find_block(block)
        if found is None:
            raise ChainUnavailable(f"{self.endpoints[0]} has no block {block} (yet); is it still syncing?")
        return found

    def call(self, to: Address, data: bytes, block: BlockTag, *, sender: Address | None = None) -> bytes:
        """eth_call. A revert is an RpcError whose `data` holds the revert's bytes."""
        message = {"to": to, "data": to_hex(data)} | ({"from": sender} if sender else {})
        return self._read("eth_call", [message, _tag(block)], _data)

    def code(self, address: Address, block: BlockTag) -> bytes:
        return self._read("eth_getCode", [address, _tag(block)], _data)

    def storage_at(self, address: Address, slot: int, block: BlockTag) -> bytes:
        return self._read("eth_getStorageAt", [address, hex(slot), _tag(block)], _data)

    def balance(self, address: Address, block: BlockTag) -> int:
        """Wei."""
        return self._read("eth_getBalance", [address, _tag(block)], _quantity)

    def transaction_count(self, address: Address, block: BlockTag) -> int:
        return self._read("eth_getTransactionCount", [address, _tag(block)], _quantity)

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """None: not included, as far as this node knows."""
        return self._read("eth_getTransactionReceipt", [to_hex(transaction_hash)], _optional(_receipt))

    def estimate_gas(self, transaction: dict[str, Any], block: BlockTag) -> int:
        return self._read("eth_estimateGas", [transaction, _tag(block)], _quantity)

    def send_raw(self, raw: bytes) -> bytes:
        """The transaction's hash. Never repeated here: after ChainUnavailable it may have been sent."""
        return self._decode(self._transport.request("eth_sendRawTransaction", [to_hex(raw)]), _hash)

    def logs(self, address: Address, first: int, last: int, topics: Sequence[bytes | None] = ()) -> list[Log]:
        """Of the blocks first … last, inclusive; a topic None matches everything."""
        wanted = {"address": address, "fromBlock": hex(first), "toBlock": hex(last), "topics": _topics(topics)}
        return self._read("eth_getLogs", [wanted], _logs)

    def logs_by_hash(self, address: Address, block_hash: bytes) -> list[Log]:
        return self._read("eth_getLogs", [{"address": address, "blockHash": to_hex(block_hash)}], _logs)

    def _read(self, method: str, params: Sequence[Any], decode: Callable[[Any], _T]) -> _T:
        return self._decode(self.request(method, params), decode)

    def _decode(self, value: Any, decode: Callable[[Any], _T]) -> _T:
        try:
            return decode(value)
        except (InvalidInput, KeyError, TypeError, ValueError) as error:
            raise ChainUnavailable(f"{self.endpoints[0]} gave an answer of the wrong shape: {error!s:.120}") from error


def _tag(block: BlockTag) -> str:
    return hex(block) if isinstance(block, int) else block


def _topics(topics: Sequence[bytes | None]) -> list[str | None]:
    return [None if topic is None else to_hex(topic) for topic in topics]


def _quantity(value: Any) -> int:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"{value!r:.40} is no quantity")
    return int(value, 16)


def _data(value: Any) -> bytes:
    return parse_hex(value)


def _hash(value: Any) -> bytes:
    return parse_hex(value, 32)


def _optional(decode: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda value: None if value is None else decode(value)


def _block(value: Any) -> Block:
    base_fee = value.get("baseFeePerGas")
    return Block(
        number=_quantity(value["number"]),
        hash=_hash(value["hash"]),
        parent_hash=_hash(value["parentHash"]),
        timestamp=_quantity(value["timestamp"]),
        base_fee=None if base_fee is None else _quantity(base_fee),
        logs_bloom=parse_hex(value["logsBloom"], 256),
    )


def _receipt(value: Any) -> Receipt:
    created = value.get("contractAddress")
    return Receipt(
        transaction_hash=_hash(value["transactionHash"]),
        status=_quantity(value["status"]),
        block_number=_quantity(value["blockNumber"]),
        block_hash=_hash(value["blockHash"]),
        gas_used=_quantity(value["gasUsed"]),
        contract_address=parse_address(created) if created else None,
    )


def _logs(value: Any) -> list[Log]:
    if not isinstance(value, list):
        raise ValueError("logs are a list")
    return [_log(entry) for entry in value]


def _log(value: Any) -> Log:
    return Log(
        address=parse_address(value["address"]),
        topics=tuple(_hash(topic) for topic in value["topics"]),
        data=_data(value["data"]),
        block_number=_quantity(value["blockNumber"]),
        block_hash=_hash(value["blockHash"]),
        transaction_hash=_hash(value["transactionHash"]),
        log_index=_quantity(value["logIndex"]),
    )
