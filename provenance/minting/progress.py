"""Owns how long work tells how far it is; leaves to the command line how that looks."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called often, from the thread that started the work; what it raises (a KeyboardInterrupt, say) stops the work."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` units of `step` are done; a step's first call has done = 0, its last done = total."""


def silent(step: str, done: int, total: int) -> None:
    """Say nothing."""
