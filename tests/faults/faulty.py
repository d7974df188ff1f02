"""Failures by name, for fail points in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provenance import failpoints


class Injected(Exception):
    """What a step that fails raises. No error of ours: whoever catches everything must survive it too."""


@contextmanager
def failing(point: str, times: int = 1) -> Iterator[list[str]]:
    """The first `times` that the point is reached, it fails. Yields what was struck."""
    struck: list[str] = []

    def fail() -> None:
        if len(struck) < times:
            struck.append(point)
            raise Injected(point)

    with failpoints.armed({point: fail}):
        yield struck
