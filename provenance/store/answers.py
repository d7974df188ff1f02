"""First answers by Idempotency-Key, each kept in the commit of what it answers: there is neither without the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.orm import Session

from provenance.store import compiled, operations
from provenance.store.operations import OperationView
from provenance.store.tables import IdempotencyRecord, Operation

KEEP_SECONDS = 48 * 3600
"""How long an answer is kept for replay (at least 24 h are promised)."""

_RECORDS = cast(Table, IdempotencyRecord.__table__)
_OLD = delete(_RECORDS).where(_RECORDS.c.created_at < bindparam("oldest"))
FIRST = compiled.Lookup(
    select(_RECORDS.c.fingerprint, _RECORDS.c.status, _RECORDS.c.body, _RECORDS.c.created_at).where(
        _RECORDS.c.scope == bindparam("scope"), _RECORDS.c.key == bindparam("key")
    )
)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


@dataclass(frozen=True)
class Claim:
    """A request's Idempotency-Key within its scope, the hash of its payload, and how its answer will be written."""

    scope: str
    key: str
    fingerprint: bytes
    render: Callable[[OperationView], Answer]


class Overtaken(Exception):
    """An equal request, or another with the same key, was committed a moment ago: its answer is the first."""


def keep(session: Session, claim: Claim | None, operation: Operation, now: int) -> OperationView:
    """What the request is answered with. Raises Overtaken, and then nothing of the request may be stored."""
    view = operations.view(session, operation)
    if claim is None:
        return view
    answer, connection = claim.render(view), session.connection()
    row = {"scope": claim.scope, "key": claim.key, "fingerprint": claim.fingerprint, "created_at": now}
    connection.execute(_OLD, {"oldest": now - KEEP_SECONDS})
    insert = _insert(connection.dialect.name)
    if connection.execute(insert, row | {"status": answer.status, "body": answer.body}).first() is None:
        raise Overtaken
    return view


@cache
def _insert(dialect: str) -> Any:
    """Gives back the key, or nothing where it is taken."""
    return compiled.insert(dialect, _RECORDS).on_conflict_do_nothing().returning(_RECORDS.c.key)
