"""The outbox of webhooks: messages are queued in the commit of their events, and taken back with them. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, delete, func, select
from sqlalchemy.orm import Session

from provenance.core import messages
from provenance.core.ledger import ChainEvent
from provenance.store.compiled import Bulk
from provenance.store.tables import BatchState, DeliveryStatus, WebhookDelivery, WebhookEndpoint

ORPHANED = "_orphaned"
"""How the id of the news ends that a message is not so any more."""

_TABLE = cast(Table, WebhookDelivery.__table__)
_DELIVERIES = Bulk(_TABLE, [column.name for column in _TABLE.columns], replace=True)


def enqueue(session: Session, events: Sequence[ChainEvent], registry: str, chain_id: int, now: int) -> None:
    """One message for each endpoint that an event concerns. After the projections have moved: a batch's parties are known.

    A crash before the caller's commit leaves nothing; after it the message will be delivered at least once.
    """
    endpoints = session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.disabled.is_(None))).all()
    if not endpoints:
        return
    rows = [
        _row(endpoint, event, messages.message_id(event, registry, chain_id), now)
        for event in events
        if event.kind in messages.TYPES
        for endpoint in _concerned(session, endpoints, event)
    ]
    _DELIVERIES.run(session.connection(), rows)


def _concerned(session: Session, endpoints: Sequence[WebhookEndpoint], event: ChainEvent) -> list[WebhookEndpoint]:
    parties = _parties(session, event)
    return [endpoint for endpoint in endpoints if _wants(endpoint, event, parties)]


def _parties(session: Session, event: ChainEvent) -> set[str | None]:
    batch = session.get(BatchState, event.batch_id)
    return {event.actor} | ({batch.brand, batch.supplier} if batch else set())


def _wants(endpoint: WebhookEndpoint, event: ChainEvent, parties: set[str | None]) -> bool:
    """An endpoint without an address is an auditor's: everything concerns it."""
    concerned = endpoint.address is None or endpoint.address in parties
    return concerned and (not endpoint.kinds or messages.TYPES[event.kind] in endpoint.kinds)


def _row(endpoint: WebhookEndpoint, event: ChainEvent, message_id: str, now: int) -> tuple[Any, ...]:
    """In the table's order. An event that came back after a reorg is the same message: told again, with its new block."""
    body, status = messages.body(event, endpoint.tier), DeliveryStatus.PENDING.value
    return (endpoint.id, message_id, event.block_number, body, status, 0, now, None, now, None)


def take_back(session: Session, fork: int, now: int) -> None:
    """What was not told yet is forgotten; what was told is followed, once, by the news that it is not so any more."""
    gone = (WebhookDelivery.block_number > fork, WebhookDelivery.message_id.not_like(f"%{ORPHANED}"))
    told = select(WebhookDelivery).where(*gone, WebhookDelivery.status == DeliveryStatus.DELIVERED)
    for row in session.scalars(told).all():
        session.merge(_news(row, fork, now))
        row.status = DeliveryStatus.WITHDRAWN
    left = delete(WebhookDelivery).where(*gone, WebhookDelivery.status == DeliveryStatus.PENDING)
    session.execute(left, execution_options={"synchronize_session": False})


def _news(row: WebhookDelivery, fork: int, now: int) -> WebhookDelivery:
    return WebhookDelivery(
        endpoint_id=row.endpoint_id,
        message_id=f"{row.message_id}_{fork}{ORPHANED}",
        block_number=fork,
        body=messages.orphaned(row.message_id, row.body, now),
        status=DeliveryStatus.PENDING,
        attempts=0,
        next_at=now,
        answer=None,
        created_at=now,
        delivered_at=None,
    )


def count(session: Session) -> dict[str, int]:
    """Messages by status."""
    query = select(WebhookDelivery.status, func.count()).group_by(WebhookDelivery.status)
    return {status: number for status, number in session.execute(query)}
