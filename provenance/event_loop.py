"""The process's one asyncio event loop, in a thread of its own: synchronous code runs coroutines in it, whatever its own
thread is doing (a caller may be inside another running loop, where asyncio.run refuses to work).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
_THREAD = "event-loop"
_SLACK = 5.0  # seconds beyond the deadline in which the loop's thread must have said so


class _Loop:
    """A forked child starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name=_THREAD, daemon=True).start()
            return self._loop


_LOOP = _Loop()
current = _LOOP.get


def run(work: Coroutine[Any, Any, Result], timeout: float) -> Result:
    """What `work` returns or raises. It keeps its own deadline of `timeout` seconds; should it not, TimeoutError comes
    a little later and it is cancelled."""
    future = asyncio.run_coroutine_threadsafe(work, current())
    try:
        return future.result(timeout + _SLACK)
    finally:
        future.cancel()


def finish(work: Coroutine[Any, Any, None]) -> None:
    """As `run`; from the loop's own thread, which must not wait (the collector may run there), it is only started."""
    future = asyncio.run_coroutine_threadsafe(work, current())
    if threading.current_thread().name != _THREAD:
        future.result(_SLACK)
