"""The worker's loop: index what the chain has, then send what waits. Errors that pass are waited out; a Halted is shown."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from typing import Protocol

import structlog

from provenance.errors import Halted, ProvenanceError

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.2
TROUBLE_SECONDS = 2.0
SHUTDOWN_SECONDS = 20.0
"""For what is under way when the stop comes; a message that is cut off is told again."""


class Step(Protocol):
    def tick(self) -> bool:
        """One bounded piece of work; True where there may be more."""


def run(
    steps: Sequence[Step],
    stop: threading.Event,
    *,
    beside: Sequence[Step] = (),
    trouble_seconds: float = TROUBLE_SECONDS,
) -> None:
    """Until `stop` is set. `steps` take turns; each of `beside` has a thread of its own, because it waits for strangers."""
    collect_rarely()
    threads = [
        threading.Thread(target=_loop, args=([step], stop, trouble_seconds), name=type(step).__name__, daemon=True)
        for step in beside
    ]
    for thread in threads:
        thread.start()
    _loop(steps, stop, trouble_seconds)
    for thread in threads:
        thread.join(SHUTDOWN_SECONDS)


def collect_rarely() -> None:
    """A step makes a hundred thousand objects and no cycles: looking for these at every turn takes a quarter of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _loop(steps: Sequence[Step], stop: threading.Event, trouble_seconds: float) -> None:
    """A step that fails does not keep the others from their turn. At the end each gives back what it holds."""
    halts = _Halts()
    try:
        while not stop.is_set():
            outcomes = [_attempt(step, halts) for step in steps]
            if None in outcomes:
                stop.wait(trouble_seconds)
            elif not any(outcomes):
                stop.wait(IDLE_SECONDS)
    finally:
        for step in steps:
            _close(step)


class _Halts:
    """What stands still, and why: said once when it begins and once when it ends, although it is tried again and again."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def begun(self, step: str, reason: str) -> None:
        """Several steps may stand still for one reason: a halted index stops the sender, too."""
        if reason not in self._reasons.values():
            log.critical("halted", step=step, reason=reason)
        self._reasons[step] = reason

    def ended(self, step: str) -> None:
        if self._reasons.pop(step, None) is not None:
            log.warning("resumed", step=step)


def _attempt(step: Step, halts: _Halts) -> bool | None:
    """None where it failed."""
    name = type(step).__name__
    try:
        moved = step.tick()
        halts.ended(name)
        return moved
    except Halted as error:
        halts.begun(name, error.detail)
    except ProvenanceError as error:
        log.warning("waiting", step=name, code=error.code, reason=error.detail)
    except Exception:
        log.exception("unexpected_error", step=name)
    return None


def _close(step: Step) -> None:
    close = getattr(step, "close", None)
    if close is not None:
        close()
