"""Where two tellings of the chain part: stored block hashes against the canonical ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping


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
