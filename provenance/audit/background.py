"""Runs an audit in the background, one at a time, and keeps how far it is and what the last one found, in one file.

The file is for people to look at; losing it loses nothing. What an audit compares is services.audit's business.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from provenance.errors import Conflict, ProvenanceError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

log = structlog.get_logger(__name__)

Run = Callable[[Callable[[str, int, int], None]], "DataclassInstance"]
"""An audit: takes a progress callback (step, done, total), gives its report."""

ABANDONED_SECONDS = 60
"""A running audit that has not been heard of for longer was cut off by a crash."""

SHOWN = 500
"""Differences kept for showing, at most; `differencesFound` counts them all."""


class Auditing:
    def __init__(self, run: Run, path: Path, clock: Callable[[], float]) -> None:
        self._run, self._path, self._clock, self._lock = run, path, clock, threading.Lock()

    def state(self) -> dict[str, Any]:
        """`{running: {step, done, total, startedAt, heardAt} | null, last: {startedAt, endedAt, report | error} | null}`."""
        try:
            state: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {"running": None, "last": None}
        running = state.get("running")
        if running and running["heardAt"] < self._clock() - ABANDONED_SECONDS:
            state["running"] = None
        return state

    def start(self) -> dict[str, Any]:
        """Begins an audit. Raises Conflict while one is running."""
        with self._lock:
            state = self.state()
            if state["running"]:
                raise Conflict("an audit is running already; wait for its result", code="audit_running")
            started = int(self._clock())
            self._note(state["last"], _running(started, started, "trees", 0, 0))
        threading.Thread(target=self._audit, args=(started, state["last"]), name="audit", daemon=True).start()
        return self.state()

    def _audit(self, started: int, last: dict[str, Any] | None) -> None:
        heard = 0

        def progress(step: str, done: int, total: int) -> None:
            nonlocal heard
            if (now := int(self._clock())) > heard:  # once a second is often enough for people
                heard = now
                self._note(last, _running(started, now, step, done, total))

        outcome: dict[str, Any]
        try:
            outcome = {"report": _report(self._run(progress)), "error": None}
        except ProvenanceError as error:
            outcome = {"report": None, "error": {"code": error.code, "detail": error.detail}}
        except Exception:
            log.exception("unexpected_error")
            outcome = {"report": None, "error": {"code": "internal_error", "detail": "the audit broke off"}}
        self._note({"startedAt": started, "endedAt": int(self._clock()), **outcome}, None)

    def _note(self, last: dict[str, Any] | None, running: dict[str, Any] | None) -> None:
        """Whole or not at all: a reader never sees half a file."""
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}")
        fresh.write_text(json.dumps({"running": running, "last": last}, ensure_ascii=False), "utf-8")
        fresh.replace(self._path)


def _running(started: int, now: int, step: str, done: int, total: int) -> dict[str, Any]:
    return {"startedAt": started, "heardAt": now, "step": step, "done": done, "total": total}


def _report(report: DataclassInstance) -> dict[str, Any]:
    found = asdict(report)
    differences, uncovered = found.pop("differences"), found.pop("not_covered")
    shown = {"differencesFound": len(differences), "differences": list(differences)[:SHOWN]}
    return {**found, **shown, "notCovered": list(uncovered)}
