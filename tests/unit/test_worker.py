"""What the worker's log says of a step that stands still."""

import threading

import pytest
from structlog.testing import capture_logs

from provenance import worker
from provenance.errors import Halted


class Script:
    """Does one thing of its list a turn; stops the worker at the end."""

    def __init__(self, stop: threading.Event, *reasons: str | None) -> None:
        self._stop, self._reasons = stop, list(reasons)

    def tick(self) -> bool:
        reason = self._reasons.pop(0) if self._reasons else None
        if not self._reasons:
            self._stop.set()
        if reason:
            raise Halted(reason)
        return True


def said(*scripts: tuple[str | None, ...]) -> list[tuple[str, str | None]]:
    stop = threading.Event()
    kinds = [type(f"Step{number}", (Script,), {}) for number in range(len(scripts))]
    steps = [kind(stop, *script) for kind, script in zip(kinds, scripts, strict=True)]
    with capture_logs() as lines:
        worker.run(steps, stop, trouble_seconds=0.0)
    return [(line["event"], line.get("reason")) for line in lines]


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        (("a", "a", "a"), [("halted", "a")]),
        (("a", "a", None), [("halted", "a"), ("resumed", None)]),
        (("a", None, "a"), [("halted", "a"), ("resumed", None), ("halted", "a")]),
        (("a", "b", "b"), [("halted", "a"), ("halted", "b")]),
        ((None, None), []),
    ],
)
def test_a_halt_is_said_once_when_it_begins_and_once_when_it_ends(script, lines):
    assert said(script) == lines


def test_two_steps_that_stand_still_for_one_reason_say_it_once():
    assert said(("a", "a", "a"), ("a", "a", "a")) == [("halted", "a")]
