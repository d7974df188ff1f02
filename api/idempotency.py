"""The Idempotency-Key header: the first answer is replayed, byte for byte, to every repetition of the same request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, json, request

from api.auth import caller, services
from api.problems import Unsendable
from api.representation import location
from provenance.services.access import Answer

MAX_LENGTH = 255
P = ParamSpec("P")


def idempotent(view: Callable[P, Response]) -> Callable[P, Response]:
    """For a view that stores something. Refusals are not kept: the same request may succeed when the state has changed."""

    @wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Response:
        key, scope = _key(), _scope()
        access = services().access
        first = access.begin(scope, key, hashlib.sha256(request.get_data()).digest())
        if first is not None:
            return _replay(first)
        try:
            response = view(*args, **kwargs)
        except BaseException:
            access.abandon(scope, key)
            raise
        access.finish(scope, key, Answer(response.status_code, response.get_data()))
        return response

    return wrapper


def _replay(first: Answer) -> Response:
    response = Response(first.body, first.status, mimetype="application/json")
    response.headers["Location"] = location(json.loads(first.body)["id"])
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
