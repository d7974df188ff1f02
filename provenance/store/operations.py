"""An operation as those see it who made it. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from provenance.store import projections
from provenance.store.tables import Operation, OperationStatus


@dataclass(frozen=True)
class OperationView:
    """`status`: accepted, sent, included, safe, finalized, or refused with `reason` (a rule's name) and `detail` (words)."""

    id: str
    kind: str
    status: str
    reason: str | None
    detail: str | None
    batch_id: bytes
    index: int | None
    created_at: int
    transaction: bytes | None
    block: int | None


def view(session: Session, row: Operation) -> OperationView:
    included = row.status == OperationStatus.INCLUDED
    return OperationView(
        id=row.id,
        kind=row.kind,
        status=projections.tier_at(projections.cursor(session), row.block_number) if included else row.status,
        reason=row.reason,
        detail=row.detail,
        batch_id=row.batch_id,
        index=row.index,
        created_at=row.created_at,
        transaction=row.transaction_hash,
        block=row.block_number,
    )
