"""Reads blocks with everything that happened in them, and believes no answer that its own header contradicts.

A node that answers `[]` for logs, or leaves some out, is common (pruned, lagging, behind a cache). The header's logsBloom
holds every log's address and topics (Yellow Paper, 4.3.1): logs that do not fill it are not all logs.
"""

from __future__ import annotations

import struct
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from provenance.chain import reads, wire
from provenance.chain.reads import Read
from provenance.chain.registry import Registry
from provenance.chain.rpc import Rpc
from provenance.chain.wire import Block, Log
from provenance.core.encoding import address_bytes, keccak, to_hex
from provenance.errors import ChainUnavailable, RpcError, Undetermined

REST_SECONDS = 30.0
"""How long an endpoint is left alone that was to be compared with and did not answer."""


@dataclass(frozen=True)
class Glance:
    """What a node says at one moment, in one request: its chain, its tiers, and its block at the number asked for."""

    chain_id: int
    head: Block
    safe: Block
    finalized: Block
    there: Block | None


def glance(rpc: Rpc, number: int) -> Glance:
    """Raises ChainUnavailable where the node cannot tell all of it, or contradicts itself."""
    wanted: list[Read[Any]] = [reads.chain_id(), reads.block("latest"), reads.block("safe"), reads.block("finalized")]
    chain_id, head, safe, finalized, there = ask(rpc, [*wanted, reads.block(number)])
    if head is None or safe is None or finalized is None:
        raise ChainUnavailable(f"{rpc} lacks its own latest, safe or finalized block; is it syncing?")
    if there is None and number <= head.number:
        raise ChainUnavailable(f"{rpc} is at block {head.number} but gave no block {number}; asking again")
    return Glance(chain_id, head, safe, finalized, there)


def ask(rpc: Rpc, wanted: Sequence[Read[Any]]) -> list[Any]:
    """All answers, in one request. Raises the first error among them."""
    answers = rpc.batch(wanted)
    for answer in answers:
        if isinstance(answer, RpcError):
            raise answer
    return answers


def disagreement(rpc: Rpc, number: int, block_hash: bytes) -> str | None:
    """Which of the other endpoints has another block at this height. One that lags or does not answer says nothing."""
    for other in _others(rpc):
        try:
            found = other.find_block(number)
        except Undetermined:
            _let_rest(other)
            continue
        if found is not None and found.hash != block_hash:
            return f"{other} has another block {number} than {rpc}: one of them is wrong, or on another fork"
    return None


def contradiction(registry: Registry, vouchers: Sequence[tuple[bytes, int]], number: int) -> str | None:
    """Which of the other endpoints tells these vouchers otherwise at this block. One that does not answer says nothing."""
    others = _others(registry.rpc)
    said = registry.vouchers(vouchers, number) if others else []
    for other in others:
        try:
            found = Registry(other, registry.address).vouchers(vouchers, number)
        except Undetermined:
            _let_rest(other)
            continue
        for (batch_id, index), ours, theirs in zip(vouchers, said, found, strict=True):
            if ours != theirs:
                return f"{other} tells voucher {batch_id.hex()}-{index} otherwise than {registry.rpc} at block {number}"
    return None


def _others(rpc: Rpc) -> list[Rpc]:
    return [other for other in rpc.endpoints[1:] if other.rests_until <= time.monotonic()]


def _let_rest(other: Rpc) -> None:
    other.rests_until = time.monotonic() + REST_SECONDS


def headers(rpc: Rpc, first: int, last: int) -> list[Block]:
    """The blocks first … last of one branch: each is the next one's parent. Raises ChainUnavailable where they are not."""
    answers = rpc.batch(reads.block(number) for number in range(first, last + 1))
    found = [block for block in answers if isinstance(block, Block)]
    if len(found) != len(answers):
        raise ChainUnavailable(f"the node lacks a block between {first} and {last}; asking again")
    for parent, child in pairwise(found):
        if child.parent_hash != parent.hash:
            raise ChainUnavailable(f"blocks {parent.number} and {child.number} are of two branches; asking again")
    return found


def logs_of(registry: Registry, blocks: Sequence[Block]) -> list[Log]:
    """All logs of the registry in consecutive blocks, in chain order: one request where the node tells all, and by hash
    where there is but one block."""
    address = address_bytes(registry.address)
    if len(blocks) == 1:
        block = blocks[0]
        there = holds(block.logs_bloom, address)
        return list(_checked(registry, block, registry.logs_of_block(block.hash))) if there else []
    mine: dict[bytes, list[Log]] = defaultdict(list)
    for entry in registry.logs(blocks[0].number, blocks[-1].number):
        mine[entry.block_hash].append(entry)
    logs: list[Log] = []
    for block in blocks:
        its = mine.pop(block.hash, [])
        if its or holds(block.logs_bloom, address):
            logs += _checked(registry, block, its)
    if mine:
        raise ChainUnavailable("the node's logs and blocks do not belong together; asking again")
    return logs


def _checked(registry: Registry, block: Block, logs: Sequence[Log]) -> Sequence[Log]:
    """Where the bloom holds more than these logs, the block is read whole: other contracts must account for the rest."""
    held = int.from_bytes(block.logs_bloom, "big")
    if bloom(logs) == held:
        return logs
    every = registry.rpc.read(_every_log(block.hash))
    if bloom(every) != held:
        raise ChainUnavailable(f"the node's logs of block {block.number} are not all that its header holds")
    return [entry for entry in every if entry.address == registry.address]


def _every_log(block_hash: bytes) -> Read[list[Log]]:
    """Of all contracts, in chain order."""

    def decode(value: object) -> list[Log]:
        found = wire.items(wire.log)(value)
        if any(entry.block_hash != block_hash for entry in found):
            raise wire.Malformed("logs of another block")
        return sorted(found, key=lambda entry: entry.log_index)

    return Read("eth_getLogs", ({"blockHash": to_hex(block_hash)},), decode)


# ---------------------------------------------------------------------------------------------- logsBloom


def bloom(logs: Iterable[Log]) -> int:
    """What these logs put into a header's logsBloom, as a big-endian integer of 2048 bits."""
    values: set[bytes] = set()
    for entry in logs:
        values.add(address_bytes(entry.address))
        values.update(entry.topics)
    filled = 0
    for value in values:
        filled |= _bits(value)
    return filled


def holds(logs_bloom: bytes, value: bytes) -> bool:
    """False: no log with this address or topic is in the block. True: probably one is."""
    bits = _bits(value)
    return int.from_bytes(logs_bloom, "big") & bits == bits


_THREE_WORDS = struct.Struct(">3H")
_BIT = [1 << number for number in range(2048)]


@lru_cache(maxsize=1 << 16)
def _bits(value: bytes) -> int:
    """Three bits, by the low 11 bits of the first three 16-bit words of the keccak (Yellow Paper, 4.3.1)."""
    first, second, third = map(int, _THREE_WORDS.unpack_from(keccak(value)))
    return _BIT[first & 2047] | _BIT[second & 2047] | _BIT[third & 2047]
