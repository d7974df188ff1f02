"""Where somebody wants to be told, and what became of each message. Sends nothing."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence

from sqlalchemy import delete, select, update

from provenance.core.encoding import Address
from provenance.core.messages import TYPES
from provenance.errors import Conflict, InvalidInput, NotFound
from provenance.services.webhooks.posting import Poster
from provenance.store.database import Database
from provenance.store.tables import DeliveryStatus, WebhookDelivery, WebhookEndpoint

TIERS = ("included", "safe", "finalized")
MAX_ENDPOINTS = 20
"""An API key's."""


class Endpoints:
    def __init__(self, database: Database, poster: Poster, clock: Callable[[], float]) -> None:
        self._database, self._poster, self._clock = database, poster, clock

    def create(
        self, owner: str, address: Address | None, url: str, kinds: Sequence[str] = (), tier: str = "safe"
    ) -> WebhookEndpoint:
        """`kinds` as in core.messages.TYPES, none: all. `address`: the party whose events it gets; None: everybody's.
        The answer holds the signing secret (`whsec_…`), which is shown this once. Raises InvalidInput, Conflict."""
        self._poster.check(url)
        if unknown := sorted(set(kinds) - set(TYPES.values())):
            raise InvalidInput(
                f"there is no event type {unknown[0]!r:.60}; see {', '.join(TYPES.values())}", field="kinds"
            )
        if tier not in TIERS:
            raise InvalidInput(f"a tier is {', '.join(TIERS)}", field="tier")
        endpoint = WebhookEndpoint(
            id="we_" + secrets.token_hex(12),
            owner=owner,
            address=address,
            url=url,
            secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            kinds=sorted(set(kinds)),
            tier=tier,
            disabled=None,
            created_at=int(self._clock()),
        )
        with self._database.write("webhooks.create") as session:
            mine = select(WebhookEndpoint.id).where(WebhookEndpoint.owner == owner)
            if len(session.scalars(mine).all()) >= MAX_ENDPOINTS:
                raise Conflict(f"an API key has at most {MAX_ENDPOINTS} webhooks; delete one", code="too_many_webhooks")
            session.add(endpoint)
        return endpoint

    def of_owner(self, owner: str) -> list[WebhookEndpoint]:
        with self._database.read() as session:
            mine = select(WebhookEndpoint).where(WebhookEndpoint.owner == owner)
            return list(session.scalars(mine.order_by(WebhookEndpoint.created_at.desc(), WebhookEndpoint.id)))

    def delete(self, owner: str, endpoint_id: str) -> None:
        self._own(owner, endpoint_id)
        with self._database.write("webhooks.delete") as session:
            session.execute(delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id))
            session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))

    def deliveries(self, owner: str, endpoint_id: str, limit: int) -> list[WebhookDelivery]:
        """Newest first."""
        self._own(owner, endpoint_id)
        newest = (WebhookDelivery.created_at.desc(), WebhookDelivery.block_number.desc(), WebhookDelivery.message_id)
        with self._database.read() as session:
            its = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
            return list(session.scalars(its.order_by(*newest).limit(limit)))

    def replay(self, owner: str, endpoint_id: str, message_id: str | None = None) -> int:
        """Sends one message again, with the same id, or every one that is dead; switches a disabled endpoint on again.
        Returns how many."""
        self._own(owner, endpoint_id)
        which = (
            WebhookDelivery.message_id == message_id if message_id else WebhookDelivery.status == DeliveryStatus.DEAD
        )
        again = {"status": DeliveryStatus.PENDING, "attempts": 0, "next_at": int(self._clock())}
        with self._database.write("webhooks.replay") as session:
            session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(disabled=None))
            its = update(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id, which)
            found = session.scalars(its.values(again).returning(WebhookDelivery.message_id)).all()
        if message_id and not found:
            raise NotFound(f"no message {message_id!r:.80} was meant for this webhook", code="unknown_message")
        return len(found)

    def _own(self, owner: str, endpoint_id: str) -> None:
        """Raises NotFound alike for unknown and for another's."""
        with self._database.read() as session:
            row = session.get(WebhookEndpoint, endpoint_id)
        if row is None or row.owner != owner:
            raise NotFound(f"no webhook {endpoint_id!r:.40} of yours is known", code="unknown_webhook")
