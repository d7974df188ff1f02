"""Owns how rows are spread over the machine's cores; leaves what is done with them to the caller."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from provenance.minting.progress import Progress, silent

Result = TypeVar("Result")

ROWS_AT_ONCE = 1 << 14
"""Rows in one piece of work, at most: a tenth of a second to a core, and a few megabytes."""


def pieces(count: int) -> list[slice]:
    """range(count) in consecutive slices of nearly the same length: no tiny last one."""
    number = -(-count // ROWS_AT_ONCE)
    edges = [count * i // number for i in range(number + 1)] if number else [0]
    return [slice(*edge) for edge in pairwise(edges)]


def in_order(
    work: Callable[[slice], Result], count: int, step: str, progress: Progress = silent
) -> Iterator[tuple[slice, Result]]:
    """(rows, work(rows)) for all pieces of range(count), in order, computed on all cores by threads.

    A few results are held at a time, so memory does not grow with `count`. `progress` is told when the caller comes
    back for more, that is, when it is done with the rows before. Closing the iterator leaves no thread behind.
    """
    pending: deque[tuple[slice, Future[Result]]] = deque()
    progress(step, 0, count)
    with ThreadPoolExecutor(cores()) as pool:
        try:
            for rows in pieces(count):
                pending.append((rows, pool.submit(work, rows)))
                if len(pending) > 2 * cores():
                    yield from _first(pending, count, step, progress)
            while pending:
                yield from _first(pending, count, step, progress)
        finally:
            for _, future in pending:
                future.cancel()


def _first(
    pending: deque[tuple[slice, Future[Result]]], count: int, step: str, progress: Progress
) -> Iterator[tuple[slice, Result]]:
    rows, future = pending.popleft()
    yield rows, future.result()
    progress(step, rows.stop, count)


def cores() -> int:
    """Those that this process may use, which in a container or under taskset are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
