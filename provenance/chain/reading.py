"""Reads blocks with everything that happened in them, and believes no answer that its own header contradicts.

A node that answers `[]` for logs, or leaves some out, is common (pruned, lagging, behind a cache). The header's logsBloom
holds every log's address and topics (Yellow Paper, 4.3.1): logs that do not fill it are not all logs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from provenance.chain.registry import Registry
from provenance.chain.rpc import Block, Log, Rpc, _block, _logs
from provenance.core.encoding import address_bytes, keccak, to_hex
from provenance.errors import ChainUnavailable

HEADERS_A_REQUEST = 100


def headers(rpc: Rpc, first: int, last: int) -> list[Block]:
    """The blocks first … last of one branch: each is the next one's parent. Raises ChainUnavailable where they are not."""
    found: list[Block] = []
    for start in range(first, last + 1, HEADERS_A_REQUEST):
        numbers = range(start, min(last + 1, start + HEADERS_A_REQUEST))
        calls = [("eth_getBlockByNumber", [hex(number), False]) for number in numbers]
        found += [_header(answer, number) for answer, number in zip(rpc._transport.batch(calls), numbers, strict=True)]
    for parent, child in pairwise(found):
        if child.parent_hash != parent.hash:
            raise ChainUnavailable(f"blocks {parent.number} and {child.number} are of two branches; asking again")
    return found


def _header(answer: object, number: int) -> Block:
    try:
        block = _block(answer)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ChainUnavailable(f"the node gave no block {number}") from error
    if block.number != number:
        raise ChainUnavailable(f"the node gave block {block.number} for {number}")
    return block


def logs_of(registry: Registry, block: Block) -> list[Log]:
    """All logs of the registry in this block, by its hash."""
    if not holds(block.logs_bloom, address_bytes(registry.address)):
        return []
    return _checked(registry, block, registry.logs_of_block(block.hash))


def logs_of_range(registry: Registry, blocks: Sequence[Block]) -> list[Log]:
    """The same for consecutive blocks, in one request where the node tells all."""
    mine: dict[bytes, list[Log]] = defaultdict(list)
    for entry in registry.logs(blocks[0].number, blocks[-1].number):
        mine[entry.block_hash].append(entry)
    address, logs = address_bytes(registry.address), []
    for block in blocks:
        its = mine.pop(block.hash, [])
        if its or holds(block.logs_bloom, address):
            logs += _checked(registry, block, its)
    if mine:
        raise ChainUnavailable("the node's logs and blocks do not belong together; asking again")
    return logs


def _checked(registry: Registry, block: Block, logs: Sequence[Log]) -> list[Log]:
    """Where the bloom holds more than these logs, the block is read whole: other contracts must account for the rest."""
    if bloom(logs) != int.from_bytes(block.logs_bloom, "big"):
        every = _decode(registry.rpc.request("eth_getLogs", [{"blockHash": to_hex(block.hash)}]))
        if bloom(every) != int.from_bytes(block.logs_bloom, "big"):
            raise ChainUnavailable(f"the node's logs of block {block.number} are not all that its header holds")
        logs = [entry for entry in every if entry.address == registry.address]
    if any(entry.block_hash != block.hash for entry in logs):
        raise ChainUnavailable(f"the node gave logs of another block for block {block.number}")
    return sorted(logs, key=lambda entry: entry.log_index)


def _decode(answer: object) -> list[Log]:
    try:
        return _logs(answer)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ChainUnavailable("the node gave logs of the wrong shape") from error


# ---------------------------------------------------------------------------------------------- logsBloom


def bloom(logs: Iterable[Log]) -> int:
    """What these logs put into a header's logsBloom, as a big-endian integer of 2048 bits."""
    filled = 0
    for entry in logs:
        filled |= _bits(address_bytes(entry.address))
        for topic in entry.topics:
            filled |= _bits(topic)
    return filled


def holds(logs_bloom: bytes, value: bytes) -> bool:
    """False: no log with this address or topic is in the block. True: probably one is."""
    bits = _bits(value)
    return int.from_bytes(logs_bloom, "big") & bits == bits


@lru_cache(maxsize=1 << 16)
def _bits(value: bytes) -> int:
    """Three bits, by the low 11 bits of the first three 16-bit words of the keccak (Yellow Paper, 4.3.1)."""
    digest = keccak(value)
    return sum({1 << (int.from_bytes(digest[i : i + 2], "big") & 2047) for i in (0, 2, 4)})
