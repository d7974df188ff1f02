"""The blocks of the next step with their events. While one step is being written, the next one is read already."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from provenance.chain import reading
from provenance.chain.events import decode_log
from provenance.chain.registry import Registry
from provenance.chain.wire import Block, Log
from provenance.core.ledger import ChainEvent
from provenance.errors import ChainUnavailable, Undetermined

RANGE = 2_000
"""Blocks in one log query while catching up; halved where the node finds it too much, and grown again."""

FIRST_RANGE = 16
"""Nobody knows yet how much happens in a block of this chain."""

MANY_EVENTS = 10_000
"""In one step; with more the next range is smaller, so that memory and the time of one commit stay bounded."""


@dataclass(frozen=True)
class Span:
    """Consecutive blocks of one branch, and the registry's events in them."""

    blocks: Sequence[Block]
    events: Sequence[ChainEvent]


class Fetching:
    def __init__(self, registry: Registry, most_blocks: int) -> None:
        self._registry, self._most, self._range = registry, most_blocks, min(FIRST_RANGE, most_blocks)
        self._reader = ThreadPoolExecutor(1, "indexing-ahead")
        self.ahead: tuple[int, Future[Span]] | None = None
        """The first block of what is being read, or was, for the next step."""

    def span(self, first: int, head: int) -> Span:
        """From block `first` on: as many as the node bears. Raises Undetermined; then the next try asks for less."""
        try:
            found = self._take(first, head)
        except Undetermined:
            self._range = max(1, self._range // 2)
            raise
        self._adapt(found)
        after = found.blocks[-1].number + 1
        if after <= head:
            self.ahead = after, self._reader.submit(self._read, after, self._last(after, head))
        return found

    def close(self) -> None:
        self._reader.shutdown(cancel_futures=True)

    def _take(self, first: int, head: int) -> Span:
        ahead, self.ahead = self.ahead, None
        if ahead and ahead[0] == first:
            with suppress(Undetermined):
                found = ahead[1].result()
                if self._stands(found.blocks[-1]):
                    return found
        return self._read(first, self._last(first, head))

    def _stands(self, last: Block) -> bool:
        """What was read some time ago may be on a dead branch by now, above blocks that are final in the new one, or on one
        that another endpoint knows better."""
        now = self._registry.rpc.find_block(last.number)
        return now is not None and now.hash == last.hash and self._disagreement(last) is None

    def _disagreement(self, last: Block) -> str | None:
        return reading.disagreement(self._registry.rpc, last.number, last.hash)

    def _last(self, first: int, head: int) -> int:
        return min(first + self._range - 1, head)

    def _adapt(self, found: Span) -> None:
        if len(found.events) > MANY_EVENTS:
            self._range = max(1, len(found.blocks) // 2)
        elif len(found.events) < MANY_EVENTS // 2:
            self._range = min(self._most, self._range * 2)

    def _read(self, first: int, last: int) -> Span:
        blocks = reading.headers(self._registry.rpc, first, last)
        if why := self._disagreement(blocks[-1]):
            raise ChainUnavailable(f"nothing is indexed while endpoints disagree: {why}")
        return Span(blocks, _decode(reading.logs_of(self._registry, blocks), blocks))


def _decode(logs: Sequence[Log], blocks: Sequence[Block]) -> list[ChainEvent]:
    times = {block.hash: block.timestamp for block in blocks}
    return [event for entry in logs if (event := decode_log(entry, times[entry.block_hash]))]
