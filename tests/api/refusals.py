"""What every refusal of the API must look like, and that it left no row behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.test import TestResponse

from api.problem_types import REMEDIES
from provenance.core.rules import EXPLANATIONS
from tests.town import Town, found_in

LATEST = 60
"""Canaries looked for in one answer: the oldest, which are the keys of accounts, and the newest."""

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


def check_problem(answer: TestResponse, status: int, code: str, pointer: str | None = None) -> dict[str, object]:
    """RFC 9457's members and this project's; with `pointer`, the field that is named first."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, object] = answer.get_json()
    assert set(body) == MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["Request-Id"] != ""
    assert code in REMEDIES or code in EXPLANATIONS, "the page that `type` points at does not know it"
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in answer.text
    pointers = [fault["pointer"] for fault in body["errors"]]  # type: ignore[attr-defined]  # a list of objects
    assert pointer is None or pointers[:1] == [pointer]
    return body


@contextmanager
def nothing_stored(town: Town, *but: str) -> Iterator[None]:
    """Every table, but those named, has as many rows afterwards."""
    before = town.row_counts(("leases", *but))
    yield
    assert town.row_counts(("leases", *but)) == before


def holds_no_secret(town: Town, answer: TestResponse) -> bool:
    haystack = answer.data + str(answer.headers).encode()
    return not any(found_in(canary, haystack) for canary in town.canaries[-LATEST:] + town.canaries[:LATEST])
