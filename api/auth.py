"""Who calls: the API key in `Authorization: Bearer`, and the roles that a route asks for."""

from __future__ import annotations

from flask import current_app, g, request

from provenance.errors import Forbidden, Unauthorized
from provenance.services.access import Caller, Role
from provenance.wiring import Services


def services() -> Services:
    """The service objects of this application."""
    found: Services = current_app.extensions["provenance"]
    return found


def caller() -> Caller | None:
    """None without a key. Raises Unauthorized for a key that is not valid: it is never silently ignored."""
    if "caller" not in g:
        g.caller = _authenticate()
    found: Caller | None = g.caller
    return found


def require(*roles: Role) -> Caller:
    """Raises Unauthorized without a key, Forbidden where its role is none of these."""
    found = caller()
    if found is None:
        raise Unauthorized("this route needs an API key: send Authorization: Bearer sk_…")
    if found.role not in roles:
        raise Forbidden(f"this route is for {' or '.join(roles)} keys; this one is a {found.role} key")
    return found


def _authenticate() -> Caller | None:
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized("send the API key as Authorization: Bearer sk_…")
    return services().access.authenticate(key.strip())
