"""The registry's logs as core.ledger.ChainEvent. Pure; reads the ABI from the artifact, fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.abi import event_abi_to_log_topic

from provenance.chain.abi import decode
from provenance.chain.artifact import artifact
from provenance.chain.rpc import Log
from provenance.core.encoding import Address, address_of, to_hex
from provenance.core.ledger import ChainEvent, EventKind
from provenance.errors import ChainUnavailable

ACTOR = {
    "BrandAdmitted": "brand",
    "BrandSuspended": "brand",
    "SupplierAuthorized": "brand",
    "SupplierWithdrawn": "brand",
    "RedeemerAuthorized": "brand",
    "RedeemerWithdrawn": "brand",
    "Minted": "supplier",
    "Transferred": "to",
    "Redeemed": "redeemer",
    "Revoked": "supplier",
    "Suspended": "brand",
    "Resumed": "brand",
}
"""Which argument of an event is its actor."""


@dataclass(frozen=True)
class _Shape:
    kind: EventKind
    indexed: tuple[tuple[Callable[[bytes], Any], str], ...]  # (how to read it, name), in topic order
    names: tuple[str, ...]
    types: tuple[str, ...]


def decode_log(log: Log, timestamp: int) -> ChainEvent | None:
    """None: an event that is none of the registry's. Raises ChainUnavailable for a log that does not fit its ABI."""
    shape = _shapes().get(log.topics[0]) if log.topics else None
    if shape is None:
        return None
    try:
        values = _values(shape, log)
    except (DecodingError, ValueError, IndexError) as error:
        raise ChainUnavailable(f"the node gave a log that is not the registry's: {error!s:.100}") from error
    return ChainEvent(
        kind=shape.kind,
        block_number=log.block_number,
        block_hash=log.block_hash,
        timestamp=timestamp,
        transaction=log.transaction_hash,
        log_index=log.log_index,
        batch_id=values.pop("batch_id", None),
        index=values.pop("index", None),
        actor=values.pop("actor", None),
        fields={name: to_hex(value) if isinstance(value, bytes) else value for name, value in values.items()}
        if values
        else {},
    )


def topic(kind: EventKind) -> bytes:
    """topics[0] of an event: 32 bytes."""
    return next(key for key, shape in _shapes().items() if shape.kind is kind)


def _values(shape: _Shape, log: Log) -> dict[str, Any]:
    words = zip(shape.indexed, log.topics[1:], strict=True)
    values = {name: take(word) for (take, name), word in words}
    if shape.types:
        values |= zip(shape.names, decode(shape.types, log.data), strict=True)
    return values


def _taker(type_: str) -> Callable[[bytes], Any]:
    """How an indexed argument of this type is read from its 32-byte topic."""
    if type_ == "address":
        return lambda word: _address(word[12:])
    if type_.startswith("bytes"):
        size = int(type_[5:])
        return lambda word: word[:size]
    return lambda word: int.from_bytes(word, "big")


@lru_cache(maxsize=65536)
def _address(data: bytes) -> Address:
    return address_of(data)


@cache
def _shapes() -> dict[bytes, _Shape]:
    events = (
        entry for entry in artifact()["abi"] if entry["type"] == "event" and _snake(entry["name"]) in list(EventKind)
    )
    return {bytes(event_abi_to_log_topic(entry)): _shape(entry) for entry in events}


def _shape(entry: Any) -> _Shape:
    def name(argument: dict[str, Any]) -> str:
        return "actor" if argument["name"] == ACTOR.get(entry["name"]) else _snake(argument["name"])

    plain = [argument for argument in entry["inputs"] if not argument["indexed"]]
    return _Shape(
        kind=EventKind(_snake(entry["name"])),
        indexed=tuple(
            (_taker(argument["type"]), name(argument)) for argument in entry["inputs"] if argument["indexed"]
        ),
        names=tuple(name(argument) for argument in plain),
        types=tuple(argument["type"] for argument in plain),
    )


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
