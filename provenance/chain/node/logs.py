"""Finds logs; opens only blocks of the range whose bloom filter does not rule a match out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eth.abc import BlockHeaderAPI, LogAPI
from eth_bloom import BloomFilter

from provenance.chain.node.encoding import Json, encode_log
from provenance.chain.node.view import View
from provenance.errors import RpcError

MAX_LOGS = 50_000


@dataclass(frozen=True)
class Filter:
    """`addresses` empty: any. `topics[i]` empty: anything in that place, else one of these words."""

    addresses: frozenset[bytes]
    topics: tuple[frozenset[bytes], ...]

    def may_match(self, bloom: int) -> bool:
        """False only if no log under this bloom filter (yellow paper 4.3.1) can match."""
        present = BloomFilter(bloom)
        alternatives = (self.addresses, *self.topics)
        return all(not some or any(value in present for value in some) for some in alternatives)

    def matches(self, log: LogAPI) -> bool:
        if self.addresses and log.address not in self.addresses:
            return False
        if len(log.topics) < len(self.topics):
            return False
        words = (topic.to_bytes(32, "big") for topic in log.topics)
        return all(not some or word in some for word, some in zip(words, self.topics, strict=False))


def find_logs(view: View, headers: Iterable[BlockHeaderAPI], wanted: Filter) -> list[Json]:
    """The matching logs in chain order. Raises RpcError beyond MAX_LOGS: one answer must fit in memory."""
    found: list[Json] = []
    for header in headers:
        if wanted.may_match(header.bloom):
            found.extend(_logs_in(view, header, wanted))
        if len(found) > MAX_LOGS:
            raise RpcError(
                f"query returned more than {MAX_LOGS} results; ask for a smaller range of blocks",
                rpc_code=-32005,
            )
    return found


def _logs_in(view: View, header: BlockHeaderAPI, wanted: Filter) -> Iterator[Json]:
    for included in view.transactions(header):
        for offset, log in enumerate(included.receipt.logs):
            if wanted.matches(log):
                yield encode_log(included, included.log_index + offset, log)
