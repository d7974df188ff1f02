"""The registry's logs as core.ledger.ChainEvent. Pure; reads the ABI from the artifact, fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.abi import event_abi_to_log_topic

from provenance.chain.abi import decode
from provenance.chain.artifact import artifact
from provenance.chain.rpc import Log
from provenance.core.encoding import address_of, to_hex
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
    """How a log becomes an event. Values are in the order: topics, data, one None; what an event lacks is at the None."""

    kind: EventKind
    takers: tuple[Callable[[bytes], Any], ...]  # of the topics
    types: tuple[str, ...]  # in the data
    batch_id: int
    index: int
    actor: int
    others: tuple[tuple[str, int], ...]  # (name, place)


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
        shape.kind,
        log.block_number,
        log.block_hash,
        timestamp,
        log.transaction_hash,
        log.log_index,
        values[shape.batch_id],
        values[shape.index],
        values[shape.actor],
        {name: _json(values[place]) for name, place in shape.others} if shape.others else {},
    )


def topic(kind: EventKind) -> bytes:
    """topics[0] of an event: 32 bytes."""
    return next(key for key, shape in _shapes().items() if shape.kind is kind)


def _values(shape: _Shape, log: Log) -> list[Any]:
    values = [take(word) for take, word in zip(shape.takers, log.topics[1:], strict=True)]
    if shape.types:
        values += decode(shape.types, log.data)
    values.append(None)
    return values


def _json(value: Any) -> Any:
    return to_hex(value) if isinstance(value, bytes) else value


def _taker(type_: str) -> Callable[[bytes], Any]:
    """How an indexed argument of this type is read from its 32-byte topic."""
    if type_ == "address":
        return lambda word: address_of(word[12:])
    if type_.startswith("bytes"):
        size = int(type_[5:])
        return lambda word: word[:size]
    return lambda word: int.from_bytes(word, "big")


@cache
def _shapes() -> dict[bytes, _Shape]:
    events = (
        entry for entry in artifact()["abi"] if entry["type"] == "event" and _snake(entry["name"]) in list(EventKind)
    )
    return {bytes(event_abi_to_log_topic(entry)): _shape(entry) for entry in events}


def _shape(entry: Any) -> _Shape:
    topics = [argument for argument in entry["inputs"] if argument["indexed"]]
    plain = [argument for argument in entry["inputs"] if not argument["indexed"]]
    names = [_name(entry, argument) for argument in (*topics, *plain)]
    places = {name: place for place, name in enumerate(names)}
    return _Shape(
        kind=EventKind(_snake(entry["name"])),
        takers=tuple(_taker(argument["type"]) for argument in topics),
        types=tuple(argument["type"] for argument in plain),
        batch_id=places.pop("batch_id", len(names)),
        index=places.pop("index", len(names)),
        actor=places.pop("actor", len(names)),
        others=tuple(places.items()),
    )


def _name(entry: Any, argument: Any) -> str:
    return "actor" if argument["name"] == ACTOR.get(entry["name"]) else _snake(argument["name"])


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
