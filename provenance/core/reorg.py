"""Where two tellings of the chain part: stored block hashes against the canonical ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum


class Standing(StrEnum):
    """How the last block that we have read stands in what the node tells now."""

    CANONICAL = "canonical"
    BEHIND = "behind"  # the node's head is an ancestor of ours: a node that lags, or a chain that became shorter
    REPLACED = "replaced"


def standing(stored: Mapping[int, bytes], canonical: bytes | None, head: tuple[int, bytes]) -> Standing:
    """`stored`: our hashes by number, down to the last final block; `canonical`: the node's hash at the highest of them, or
    None where it has no such block; `head`: the node's newest block."""
    top = max(stored)
    if canonical is not None:
        return Standing.CANONICAL if canonical == stored[top] else Standing.REPLACED
    number, hash_ = head
    return Standing.BEHIND if number < top and stored.get(number, hash_) == hash_ else Standing.REPLACED


def fork_point(stored: Mapping[int, bytes], canonical: Callable[[int], bytes | None], *, floor: int) -> int | None:
    """Highest stored block number whose hash is still canonical, searched downwards to `floor` (the finalized block).

    None: even the finalized block was replaced, or nothing is stored. The caller must then halt and write nothing.
    """
    for number in sorted(stored, reverse=True):
        if number < floor:
            return None
        if canonical(number) == stored[number]:
            return number
    return None
