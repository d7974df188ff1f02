"""The Idempotency-Key header: the first answer is replayed, byte for byte, to every repetition of the same request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from flask import Response, json, request

from api import representation
from api.auth import caller, services
from api.problems import Unsendable
from provenance.store.answers import Answer, Claim, Overtaken
from provenance.store.operations import OperationView

MAX_LENGTH = 255


def once(accept: Callable[[Claim], OperationView]) -> Response:
    """The answer to a request that stores an operation. Refusals are not kept: the same request may succeed when the state
    has changed. Of equal requests at once one is carried out; the others wait for its commit and replay its answer."""
    claim = Claim(_scope(), _key(), hashlib.sha256(request.get_data()).digest(), _render)
    first = services().access.first_answer(claim)
    if first is not None:
        return _replay(first)
    try:
        return representation.operation(accept(claim), 202)
    except Overtaken:
        return once(accept)


def _render(view: OperationView) -> Answer:
    response = representation.operation(view, 202)
    return Answer(response.status_code, response.get_data())


def _replay(first: Answer) -> Response:
    response = Response(first.body, first.status, mimetype="application/json")
    response.headers["Location"] = representation.location(json.loads(first.body)["id"])
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _key() -> str:
    """Quoted (the IETF draft) or bare. 400 where it is missing or cannot be one."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        detail = "send an Idempotency-Key header, for example a fresh UUID, so that a repetition is harmless"
        raise Unsendable(400, detail, "idempotency_key_missing")
    if len(key) > MAX_LENGTH or not key.isprintable() or not key.isascii():
        raise Unsendable(400, f"an Idempotency-Key has 1 to {MAX_LENGTH} ASCII characters", "idempotency_key_invalid")
    return key


def _scope() -> str:
    """Per API key and route; without a key all share one scope, in which the payload still has to be the same."""
    who = caller()
    return f"{who.key_id if who else 'anonymous'}:{request.path}"
