"""The chain's facts as frozen dataclasses, and the strict decoders that make them from JSON.

Whatever a node may send that does not fit raises Malformed, never KeyError or TypeError. Hashes and data are bytes,
addresses checksummed strings, times Unix seconds, fees wei.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from provenance.core.encoding import Address, address_of

_T = TypeVar("_T")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


class Malformed(ValueError):
    """A node's answer is not what the specification says."""


@dataclass(frozen=True, slots=True)
class Block:
    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee: int
    logs_bloom: bytes
    gas_limit: int
    gas_used: int


class Log(NamedTuple):
    """A tuple, because a catch-up makes hundreds of thousands, and a frozen dataclass takes four times as long to make."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    transaction_index: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """`status` is 1 for success, 0 for a transaction that was included but failed."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    transaction_index: int
    status: int
    gas_used: int
    effective_gas_price: int
    contract_address: Address | None
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Transaction:
    """`block_number` and `block_hash` are None while it waits. Legacy ones have `max_fee` = `max_priority_fee` = price."""

    hash: bytes
    sender: Address
    to: Address | None
    nonce: int
    value: int
    data: bytes
    gas: int
    max_fee: int
    max_priority_fee: int
    block_number: int | None
    block_hash: bytes | None


@dataclass(frozen=True, slots=True)
class FeeHistory:
    """`base_fees` has one entry more than there are blocks: the coming block's. `rewards[block][percentile]` are tips."""

    oldest_block: int
    base_fees: tuple[int, ...]
    gas_used_ratios: tuple[float, ...]
    rewards: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=4096)  # block numbers and log indices come by the hundred
def _integer(value: object) -> int:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise Malformed("not a quantity")
    return int(value, 16)


def quantity(value: object) -> int:
    return _hashable(_integer, value)


def data(value: object) -> bytes:
    if not isinstance(value, str) or value[:2] != "0x":
        raise Malformed("not bytes")
    try:
        decoded = bytes.fromhex(value[2:])
    except ValueError:
        raise Malformed("not bytes") from None
    if len(value) != 2 + 2 * len(decoded):  # fromhex skips spaces
        raise Malformed("not bytes")
    return decoded


def sized(value: object, size: int) -> bytes:
    decoded = data(value)
    if len(decoded) != size:
        raise Malformed(f"{len(decoded)} bytes instead of {size}")
    return decoded


@lru_cache(maxsize=4096)  # most topics, and the hashes beside them, are those of the log before
def _word(value: object) -> bytes:
    return sized(value, 32)


def hash32(value: object) -> bytes:
    return _hashable(_word, value)


def _hashable(decode: Callable[[object], _T], value: object) -> _T:
    """Lists and objects cannot be looked up in a cache, nor are they ever right."""
    if not isinstance(value, str):
        raise Malformed("not a string of hex digits")
    return decode(value)


def bloom(value: object) -> bytes:
    return sized(value, 256)


@lru_cache(maxsize=1024)
def _address(value: object) -> Address:
    return address_of(sized(value, 20))


def address(value: object) -> Address:
    return _hashable(_address, value)


def status(value: object) -> int:
    if value not in ("0x0", "0x1"):
        raise Malformed("neither 0x0 nor 0x1")
    return quantity(value)


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("not a string")
    return value


def number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed("not a number")
    return float(value)


def optional(decode: Callable[[object], _T]) -> Callable[[object], _T | None]:
    return lambda value: None if value is None else decode(value)


def items(decode: Callable[[object], _T]) -> Callable[[object], tuple[_T, ...]]:
    def decode_all(value: object) -> tuple[_T, ...]:
        if not isinstance(value, list):
            raise Malformed("not a list")
        return tuple(map(decode, value))

    return decode_all


class Fields:
    """An object of JSON whose fields are taken one by one, each with its decoder."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise Malformed("not an object")
        self._value = value

    def get(self, name: str, decode: Callable[[object], _T]) -> _T:
        try:
            return decode(self._value.get(name))
        except Malformed as e:
            raise Malformed(f"{name}: {e}" if name in self._value else f"{name} is missing") from None

    def has(self, name: str) -> bool:
        return self._value.get(name) is not None

    def is_true(self, name: str) -> bool:
        return self._value.get(name) is True


def block(value: object) -> Block:
    fields = Fields(value)
    return Block(
        number=fields.get("number", quantity),
        hash=fields.get("hash", hash32),
        parent_hash=fields.get("parentHash", hash32),
        timestamp=fields.get("timestamp", quantity),
        base_fee=fields.get("baseFeePerGas", quantity),
        logs_bloom=fields.get("logsBloom", bloom),
        gas_limit=fields.get("gasLimit", quantity),
        gas_used=fields.get("gasUsed", quantity),
    )


_LOG = (
    ("address", address),
    ("topics", items(hash32)),
    ("data", data),
    ("blockNumber", quantity),
    ("blockHash", hash32),
    ("transactionHash", hash32),
    ("transactionIndex", quantity),
    ("logIndex", quantity),
)


def log(value: object) -> Log:
    try:
        return _log_at_once(value)
    except (Malformed, LookupError, TypeError, AttributeError):
        _name_the_fault(value)
        raise


def _log_at_once(value: Any) -> Log:
    """Without a look at each field by itself: of logs there may be a hundred thousand."""
    if value.get("removed") is True or type(value["topics"]) is not list:
        raise Malformed("not a log of the chain")
    return Log(
        _address(value["address"]),
        tuple(map(_word, value["topics"])),
        b"" if value["data"] == "0x" else data(value["data"]),
        _integer(value["blockNumber"]),
        _word(value["blockHash"]),
        _word(value["transactionHash"]),
        _integer(value["transactionIndex"]),
        _integer(value["logIndex"]),
    )


def _name_the_fault(value: object) -> None:
    """Raises Malformed with the field's name for what is no log."""
    fields = Fields(value)
    if fields.is_true("removed"):
        raise Malformed("a removed log is not part of the chain")
    for name, decode in _LOG:
        fields.get(name, decode)


def receipt(value: object) -> Receipt:
    fields = Fields(value)
    return Receipt(
        transaction_hash=fields.get("transactionHash", hash32),
        block_number=fields.get("blockNumber", quantity),
        block_hash=fields.get("blockHash", hash32),
        transaction_index=fields.get("transactionIndex", quantity),
        status=fields.get("status", status),
        gas_used=fields.get("gasUsed", quantity),
        effective_gas_price=fields.get("effectiveGasPrice", quantity),
        contract_address=fields.get("contractAddress", optional(address)),
        logs=fields.get("logs", items(log)),
    )


def transaction(value: object) -> Transaction:
    fields = Fields(value)
    dynamic = fields.has("maxFeePerGas")
    return Transaction(
        hash=fields.get("hash", hash32),
        sender=fields.get("from", address),
        to=fields.get("to", optional(address)),
        nonce=fields.get("nonce", quantity),
        value=fields.get("value", quantity),
        data=fields.get("input", data),
        gas=fields.get("gas", quantity),
        max_fee=fields.get("maxFeePerGas" if dynamic else "gasPrice", quantity),
        max_priority_fee=fields.get("maxPriorityFeePerGas" if dynamic else "gasPrice", quantity),
        block_number=fields.get("blockNumber", optional(quantity)),
        block_hash=fields.get("blockHash", optional(hash32)),
    )


def fee_history(value: object) -> FeeHistory:
    fields = Fields(value)
    return FeeHistory(
        oldest_block=fields.get("oldestBlock", quantity),
        base_fees=fields.get("baseFeePerGas", items(quantity)),
        gas_used_ratios=fields.get("gasUsedRatio", items(number)),
        rewards=fields.get("reward", items(items(quantity))) if fields.has("reward") else (),
    )
