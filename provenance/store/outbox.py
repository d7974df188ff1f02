"""The queue of operations: written here when they are accepted, changed only by guarded updates."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from provenance.core.statements import SignedStatement
from provenance.errors import Conflict
from provenance.store import compiled
from provenance.store.database import Database
from provenance.store.tables import Event, Operation, OperationStatus

_OPERATIONS = cast(Table, Operation.__table__)


@dataclass(frozen=True)
class Request:
    """What is to be queued. `index` and `nonce` are None unless the operation is on one voucher."""

    digest: bytes
    signed: SignedStatement
    batch_id: bytes
    owner: str | None
    now: int
    index: int | None = None
    nonce: int | None = None


def find(session: Session, digest: bytes) -> Operation | None:
    """Operations are one per digest, never per signature: a signature can be made again."""
    return session.scalar(_BY_DIGEST, {"digest": digest})


def is_known(database: Database, digest: bytes) -> bool:
    return database.fetch(_KNOWN, {"digest": digest}) is not None


_BY_DIGEST = select(Operation).where(Operation.digest == bindparam("digest"))  # built once, as is _insert
_KNOWN = compiled.Lookup(select(Operation.id).where(Operation.digest == bindparam("digest")))


def enqueue(session: Session, request: Request) -> Operation:
    """The new operation, or the one that this digest has. Raises Conflict where another one has reserved the voucher.

    A crash before the caller's commit leaves nothing; after it the operation will be carried out or refused.
    """
    columns = {"id": secrets.token_hex(16), "status": OperationStatus.ACCEPTED, **_columns(request)}
    connection = session.connection()
    stored = connection.execute(_insert(connection.dialect.name), columns).first()
    return Operation(**columns) if stored else _in_the_way(session, request)


@cache
def _insert(dialect: str) -> Any:
    """Gives back the id, or nothing where another operation is in the way."""
    return compiled.insert(dialect, _OPERATIONS).on_conflict_do_nothing().returning(_OPERATIONS.c.id)


def _columns(request: Request) -> dict[str, Any]:
    return {
        "kind": type(request.signed.statement).__name__.lower(),
        "digest": request.digest,
        "statement": request.signed.to_json(),
        "batch_id": request.batch_id,
        "index": request.index,
        "nonce": request.nonce,
        "owner": request.owner,
        "created_at": request.now,
    }


def _in_the_way(session: Session, request: Request) -> Operation:
    known = find(session, request.digest)
    if known is not None:
        return known
    detail = "another operation on this voucher was accepted first; read its state and try again"
    raise Conflict(detail, code="voucher_reserved")


def refuse(session: Session, operation_id: str, expected: OperationStatus, reason: str, detail: str) -> bool:
    """False where the operation has left `expected` in the meantime: then nothing changed."""
    values = {"status": OperationStatus.REFUSED, "reason": reason, "detail": detail}
    guard = (Operation.id == operation_id, Operation.status == expected)
    return session.scalar(update(Operation).where(*guard).values(values).returning(Operation.id)) is not None


def include(session: Session, operation_id: str, event: Event) -> Operation:
    """What had happened before it came."""
    operation = session.get_one(Operation, operation_id)
    operation.status, operation.transaction_hash = OperationStatus.INCLUDED, event.transaction_hash
    operation.block_number, operation.block_hash = event.block_number, event.block_hash
    return operation


def requeue(session: Session, operation_id: str) -> bool:
    """Sent becomes accepted again, because its transaction can no longer carry it. False where it was not `sent` any more."""
    values = {"status": OperationStatus.ACCEPTED, "transaction_id": None, "position": None}
    guard = (Operation.id == operation_id, Operation.status == OperationStatus.SENT)
    return session.scalar(update(Operation).where(*guard).values(values).returning(Operation.id)) is not None
