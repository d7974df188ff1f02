"""Delivers what is due, at least once, with backoff and jitter over days. One deliverer at a time, by lease."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from sqlalchemy import Update, and_, func, or_, select, update

from provenance import failpoints
from provenance.services.webhooks.posting import Posted, Poster
from provenance.store import leases, projections
from provenance.store.database import Database
from provenance.store.tables import DeliveryStatus, WebhookDelivery, WebhookEndpoint

log = structlog.get_logger(__name__)

SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds until the next attempt (Standard Webhooks' own example, over three days); then it is dead."""

AT_ONCE = 16
LEASE_SECONDS = 120
GONE = 410


@dataclass(frozen=True)
class _Due:
    endpoint_id: str
    message_id: str
    url: str
    secret: str
    body: str
    attempts: int


class Delivering:
    def __init__(
        self,
        database: Database,
        poster: Poster,
        owner: str,
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database, self._poster, self._clock, self._jitter = database, poster, clock, jitter
        self._lease = leases.Held(database, "webhooks", owner, LEASE_SECONDS)

    def tick(self) -> bool:
        """Up to AT_ONCE messages. A crash between the post and its note: it is posted again, with the same id."""
        due = self._due()
        if not due or not self._lease.hold():
            return False
        with ThreadPoolExecutor(len(due)) as pool:
            answers = list(pool.map(self._post, due))
        failpoints.reach("webhooks.post.after")
        with self._database.write("webhooks.note") as session:
            for message, posted in zip(due, answers, strict=True):
                session.execute(self._note(message, posted))
                if posted.status == GONE:
                    off = {"disabled": "the receiver answered 410 Gone"}
                    its = WebhookEndpoint.id == message.endpoint_id
                    session.execute(update(WebhookEndpoint).where(its).values(off))
        return True

    def close(self) -> None:
        self._lease.release()

    def _due(self) -> list[_Due]:
        """Whose time has come, and whose block is as settled as its endpoint wants it. The oldest block first, and
        the endpoints in turns: one that is slow or has much to be told keeps no other waiting for long."""
        with self._database.read() as session:
            cursor = projections.cursor(session)
            if cursor is None:
                return []
            settled = or_(
                WebhookEndpoint.tier == "included",
                and_(WebhookEndpoint.tier == "safe", WebhookDelivery.block_number <= cursor.safe),
                and_(WebhookEndpoint.tier == "finalized", WebhookDelivery.block_number <= cursor.finalized),
            )
            ready = (WebhookDelivery.status == DeliveryStatus.PENDING, WebhookDelivery.next_at <= int(self._clock()))
            query = select(WebhookDelivery, WebhookEndpoint).join(
                WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id
            )
            order = (WebhookDelivery.next_at, WebhookDelivery.block_number, WebhookDelivery.message_id)
            turn = func.row_number().over(partition_by=WebhookDelivery.endpoint_id, order_by=order)
            query = (
                query.where(*ready, settled, WebhookEndpoint.disabled.is_(None)).order_by(turn, *order).limit(AT_ONCE)
            )
            return [
                _Due(row.endpoint_id, row.message_id, endpoint.url, endpoint.secret, row.body, row.attempts)
                for row, endpoint in session.execute(query)
            ]

    def _post(self, message: _Due) -> Posted:
        return self._poster.post(message.url, message.secret, message.message_id, message.body)

    def _note(self, message: _Due, posted: Posted) -> Update:
        now, attempts = int(self._clock()), message.attempts + 1
        values: dict[str, object] = {"attempts": attempts, "answer": posted.answer}
        if posted.delivered:
            values |= {"status": DeliveryStatus.DELIVERED, "delivered_at": now}
        elif attempts > len(SCHEDULE) or posted.status == GONE:
            values |= {"status": DeliveryStatus.DEAD}
            log.warning("webhook_dead", endpoint=message.endpoint_id, message=message.message_id, answer=posted.answer)
        else:
            wait = SCHEDULE[attempts - 1] * (0.8 + 0.4 * self._jitter())
            values |= {"next_at": now + max(1, round(wait))}
        its = (WebhookDelivery.endpoint_id == message.endpoint_id, WebhookDelivery.message_id == message.message_id)
        # What a reorg has replaced in the meantime is another body under the same id, and still to be told.
        return update(WebhookDelivery).where(*its, WebhookDelivery.body == message.body).values(values)
