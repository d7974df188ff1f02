"""Parses the parameters of JSON-RPC calls, strictly; a fault is RpcError -32602 naming the value's place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from eth_typing import Address

from provenance.chain.node.execution import DEFAULT_CALL_GAS, Message
from provenance.chain.node.logs import Filter
from provenance.chain.node.view import TAGS, BlockId
from provenance.errors import RpcError

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_MISSING = object()
_T = TypeVar("_T")

INVALID_PARAMS = -32602


def invalid(detail: str) -> RpcError:
    return RpcError(detail, rpc_code=INVALID_PARAMS)


class Params:
    """Positional parameters: each is read once, with the parser of its type."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def get(self, index: int, parse: Callable[[Any, str], _T], default: Any = _MISSING) -> _T:
        value = self._values[index] if index < len(self._values) else None
        if value is None and default is not _MISSING:
            return default  # type: ignore[no-any-return]  # the caller's own value, of the caller's type
        if index >= len(self._values):
            raise invalid(f"missing value for required argument {index}")
        return parse(value, f"argument {index}")

    def at_most(self, count: int, remark: str = "") -> None:
        if len(self._values) > count:
            raise invalid(f"too many arguments, want at most {count}{remark}")


def quantity(value: Any, place: str) -> int:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise invalid(f"{place}: expected a quantity such as 0x1f of at most 32 bytes")
    return int(value, 16)


def data(value: Any, place: str) -> bytes:
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid(f"{place}: expected bytes as 0x and pairs of hexadecimal digits")
    return bytes.fromhex(value[2:])


def _sized(size: int) -> Callable[[Any, str], bytes]:
    def parse(value: Any, place: str) -> bytes:
        parsed = data(value, place)
        if len(parsed) != size:
            raise invalid(f"{place}: expected {size} bytes, got {len(parsed)}")
        return parsed

    return parse


hash32 = _sized(32)
address_bytes = _sized(20)


def address(value: Any, place: str) -> Address:
    return Address(address_bytes(value, place))


def boolean(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(f"{place}: expected true or false")
    return value


def block(value: Any, place: str) -> BlockId:
    """A tag, a quantity, or EIP-1898's object."""
    if isinstance(value, dict):
        if set(value) <= {"blockHash", "requireCanonical"} and "blockHash" in value:
            return hash32(value["blockHash"], f"{place}.blockHash")
        if set(value) == {"blockNumber"}:
            return block(value["blockNumber"], f"{place}.blockNumber")
    elif value in TAGS:
        return str(value)
    elif isinstance(value, str):
        return quantity(value, place)
    raise invalid(f"{place}: expected a block number, one of {', '.join(TAGS)}, or an EIP-1898 object")


def message(value: Any, place: str) -> Message:
    if not isinstance(value, dict):
        raise invalid(f"{place}: expected a transaction object")
    fields = {name: content for name, content in value.items() if content is not None}
    payload = data(fields.get("input", fields.get("data", "0x")), f"{place}.input")
    return Message(
        sender=address(fields.get("from", "0x" + "00" * 20), f"{place}.from"),
        to=address(fields["to"], f"{place}.to") if "to" in fields else Address(b""),
        data=payload,
        value=quantity(fields.get("value", "0x0"), f"{place}.value"),
        gas=min(quantity(fields.get("gas", hex(DEFAULT_CALL_GAS)), f"{place}.gas"), DEFAULT_CALL_GAS),
        access_list=_access_list(fields.get("accessList", []), f"{place}.accessList"),
    )


def _access_list(value: Any, place: str) -> tuple[tuple[Address, tuple[int, ...]], ...]:
    try:
        return tuple(
            (
                address(entry["address"], place),
                tuple(int.from_bytes(hash32(key, place), "big") for key in entry["storageKeys"]),
            )
            for entry in value
        )
    except (TypeError, KeyError) as e:
        raise invalid(f"{place}: expected a list of {{address, storageKeys}}") from e


def log_filter(value: dict[str, Any], place: str) -> Filter:
    topics = value.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise invalid(f"{place}.topics: expected a list of at most 4")
    return Filter(
        addresses=_one_or_more(value.get("address"), address_bytes, f"{place}.address"),
        topics=tuple(_one_or_more(topic, hash32, f"{place}.topics") for topic in topics),
    )


def _one_or_more(value: Any, parse: Callable[[Any, str], bytes], place: str) -> frozenset[bytes]:
    if value is None:
        return frozenset()
    return frozenset(parse(item, place) for item in (value if isinstance(value, list) else [value]))


def percentiles(value: Any, place: str) -> list[float]:
    """Of eth_feeHistory: rising numbers between 0 and 100."""
    numbers = value if isinstance(value, list) else [None]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 100:
            raise invalid(f"{place}: expected a list of numbers between 0 and 100")
    return list(numbers)


def integer(value: Any, place: str) -> int:
    """A quantity, or a plain JSON number as development tools send it."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64:
        return value
    return quantity(value, place)


def log_criteria(value: Any, place: str) -> dict[str, Any]:
    """eth_getLogs' filter object; a block hash excludes a range (EIP-234)."""
    if not isinstance(value, dict):
        raise invalid(f"{place}: expected a filter object")
    criteria = {name: content for name, content in value.items() if content is not None}
    if "blockHash" in criteria and ("fromBlock" in criteria or "toBlock" in criteria):
        raise invalid(f"{place}: cannot specify both blockHash and fromBlock/toBlock")
    return criteria
