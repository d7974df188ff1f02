"""/v1/webhooks: where an API key's owner wants to be told of what the chain confirms, and what became of each message."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field, StrictStr

from api import representation
from api.auth import require, services
from api.schemas import Answer, Body, ListAnswer
from provenance.services.access import Caller, Role
from provenance.store.tables import WebhookEndpoint

KEY: list[dict[str, list[Any]]] = [{"apiKey": []}]

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

blueprint = APIBlueprint("webhooks", __name__, url_prefix="/v1/webhooks", abp_tags=[Tag(name="webhooks")])


class WebhookBody(Body):
    url: Annotated[StrictStr, Field(max_length=2000, pattern=PRINTABLE)]
    kinds: Annotated[tuple[StrictStr, ...], Field(max_length=20)] = ()
    tier: StrictStr = "safe"


class WebhookPath(BaseModel):
    webhook_id: Annotated[str, Field(max_length=40, pattern=PRINTABLE)]


class ReplayBody(Body):
    """Without `messageId`: every message that is dead."""

    message_id: Annotated[StrictStr, Field(max_length=64, pattern=PRINTABLE)] | None = None


class WebhookAnswer(Answer):
    """`secret` is in the answer to the creation alone."""

    id: str
    url: str
    kinds: list[str]
    tier: str
    disabled: str | None
    created_at: int
    secret: str | None = None


class DeliveryAnswer(Answer):
    message_id: str
    status: str
    attempts: int
    next_at: int
    answer: str | None
    block_number: int
    created_at: int
    delivered_at: int | None


class DeletedAnswer(Answer):
    id: str
    deleted: bool


class ReplayAnswer(Answer):
    """How many messages will be sent again."""

    replayed: int


class DeliveryQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100)] = 20


@blueprint.post("", summary="Be told of events", security=KEY, responses={201: WebhookAnswer})
def create(body: WebhookBody) -> Response:
    """Messages are signed (Standard Webhooks 1.0) with the secret that only this answer shows. A supplier, brand or
    redeemer is told what concerns its own account, an auditor everything."""
    who = _caller()
    made = services().webhooks.create(who.key_id, who.address, body.url, body.kinds, body.tier)
    return representation.answer(_view(made, made.secret), 201)


@blueprint.get("", summary="This key's webhooks", security=KEY, responses={200: ListAnswer})
def index() -> Response:
    found = [_view(row) for row in services().webhooks.of_owner(_caller().key_id)]
    return representation.listing(found, len(found))


@blueprint.delete("/<webhook_id>", summary="Be told no more", security=KEY, responses={200: DeletedAnswer})
def remove(path: WebhookPath) -> Response:
    services().webhooks.delete(_caller().key_id, path.webhook_id)
    return representation.answer(DeletedAnswer(id=path.webhook_id, deleted=True))


@blueprint.get(
    "/<webhook_id>/deliveries",
    summary="What became of each message, newest first",
    security=KEY,
    responses={200: ListAnswer},
)
def deliveries(path: WebhookPath, query: DeliveryQuery) -> Response:
    found = services().webhooks.deliveries(_caller().key_id, path.webhook_id, query.limit + 1)
    return representation.listing([DeliveryAnswer.model_validate(row) for row in found], query.limit)


@blueprint.post(
    "/<webhook_id>/replay",
    summary="Send one message again, or all that are dead",
    security=KEY,
    responses={200: ReplayAnswer},
)
def replay(path: WebhookPath, body: ReplayBody) -> Response:
    """With the same message ids. Switches a webhook on again that was disabled."""
    count = services().webhooks.replay(_caller().key_id, path.webhook_id, body.message_id)
    return representation.answer(ReplayAnswer(replayed=count))


def _caller() -> Caller:
    return require(Role.SUPPLIER, Role.BRAND, Role.REDEEMER, Role.AUDITOR)


def _view(row: WebhookEndpoint, secret: str | None = None) -> WebhookAnswer:
    shown = {name: getattr(row, name) for name in ("id", "url", "kinds", "tier", "disabled", "created_at")}
    return WebhookAnswer(**shown, secret=secret)
