"""Says when the next block is; knows nothing of blocks."""

from __future__ import annotations

import time


class Clock:
    """The wall clock, plus what tests have added to it (seconds)."""

    def __init__(self) -> None:
        self._offset = 0
        self._pinned: int | None = None

    def next_timestamp(self, parent: int) -> int:
        """Unix seconds of a block after one at `parent`. Strictly increasing, as consensus demands: a
        second that holds more than one block borrows from the future."""
        return max(int(time.time()) + self._offset if self._pinned is None else self._pinned, parent + 1)

    def advance(self, seconds: int) -> int:
        self._offset += seconds
        return self._offset

    def pin_next(self, timestamp: int) -> None:
        """Makes the next block happen at `timestamp`; the clock goes on from there."""
        self._pinned = timestamp

    def block_made(self) -> None:
        if self._pinned is not None:
            self._offset = self._pinned - int(time.time())
            self._pinned = None
