"""Named places at which a test may stop or kill the process. Costs one look at an empty dict where no test armed any.

Each durable step reaches `<step>.before` just before it becomes durable and `<step>.after` just after: a fault at the first
is "failed", at the second "failed, but landed". PROVENANCE_FAILPOINTS arms them for a child process, as `name=kill` or
`name=kill:3` (the third time), separated by commas; only the fault campaigns set it.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

VARIABLE = "PROVENANCE_FAILPOINTS"

Action = Callable[[], None]

_armed: dict[str, Action] = {}


def reach(name: str) -> None:
    """Does what is armed under this name; nothing by default."""
    if _armed and (action := _armed.get(name)):
        action()


@contextmanager
def armed(actions: Mapping[str, Action]) -> Iterator[None]:
    """For tests in one process."""
    _armed.update(actions)
    try:
        yield
    finally:
        for name in actions:
            _armed.pop(name, None)


def _parse(text: str) -> dict[str, Action]:
    actions = {}
    for entry in filter(None, text.split(",")):
        name, _, order = entry.partition("=")
        what, _, times = order.partition(":")
        if what != "kill":
            raise ValueError(f"{VARIABLE}: {entry!r} is not of the form name=kill or name=kill:3")
        actions[name] = _kill_at(int(times or 1))
    return actions


def _kill_at(nth: int) -> Action:
    reached = itertools.count(1)

    def action() -> None:
        if next(reached) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return action


def arm(text: str) -> None:
    """For a whole process, in the variable's form."""
    _armed.update(_parse(text))


arm(os.environ.get(VARIABLE, ""))
