"""Signing in to the pages with an API key: a session cookie instead of the key, and a token against forged requests."""

from __future__ import annotations

import hmac
import os
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, g, redirect, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue

from api.auth import services
from provenance.config import Settings
from provenance.errors import Forbidden, Unauthorized
from provenance.services.access import Caller

LIFETIME = timedelta(hours=12)
SAFE = ("GET", "HEAD", "OPTIONS")
HOMES = {"supplier": "/supplier", "redeemer": "/redeem", "auditor": "/audit", "brand": "/"}

blueprint = Blueprint("session", __name__)


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form's key is looked up once; from then on the cookie names it. Back to the form where the key is not valid, or
    where the session in which the form was shown is over."""
    wanted = _own_path(request.form.get("next", "/"))
    if not _fits(request.form.get("csrf", "")):
        return redirect(f"{wanted}?fault=old", 303)
    try:
        found = services().access.authenticate(request.form.get("key", "").strip())
    except Unauthorized:
        return redirect(f"{wanted}?fault=refused", 303)
    session.clear()
    session.permanent = True
    session["key_id"] = found.key_id
    return redirect(wanted if wanted != "/" else HOMES[found.role], 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    session.clear()  # whoever sends this: no other site can, since the cookie is SameSite=Strict
    return redirect("/", 303)


def token() -> str:
    """This session's token; every form and every changing call of a page carries it."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    found: str = session["csrf"]
    return found


def signed_in() -> Caller | None:
    """Whose key the cookie names; None without one, or where the key was revoked meanwhile."""
    key_id = session.get("key_id")
    return services().access.caller(key_id) if key_id else None


def _admit() -> None:
    """Lets a page's own calls to the API act for the key that signed in. A key in the request itself goes first."""
    if not session and request.method in SAFE:
        return
    if "Authorization" in request.headers or request.endpoint == "static":
        return
    if request.blueprint != blueprint.name and session.get("key_id"):
        _admit_caller()


def _admit_caller() -> None:
    found = signed_in()
    if found is None:
        return
    if request.method not in SAFE and request.path != "/rpc" and not _fits(request.headers.get("X-CSRF-Token", "")):
        raise Forbidden("the page's token is missing or old; load the page again", code="csrf")
    g.caller = found


def _fits(given: str) -> bool:
    """False where another site may have made the browser send this."""
    return bool(given) and hmac.compare_digest(given.encode(), session.get("csrf", "").encode())


def _own_path(path: str) -> str:
    """Never to another site."""
    parts = urlsplit(path)
    own = not parts.scheme and not parts.netloc and path.startswith("/") and not path.startswith(("//", "/\\"))
    return parts.path if own else "/"


class _Cookies(SecureCookieSessionInterface):
    """A call of the API that brings no cookie has no session: opening an empty one is a tenth of a small answer's cost."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith("/v1/") and self.get_cookie_name(app) not in request.cookies:
            return self.make_null_session(app)
        return super().open_session(app, request)


def register(app: Flask, settings: Settings) -> None:
    app.session_interface = _Cookies()
    app.secret_key = _secret(settings.data_dir / "keys" / "session.key")
    app.permanent_session_lifetime = LIFETIME
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https:"),
    )
    app.register_blueprint(blueprint)
    app.before_request(_admit)


def _secret(path: Path) -> bytes:
    """32 bytes, made once with mode 600; several web hosts share the file. Losing it signs everybody out, no more."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
    try:
        os.link(fresh, path)  # whoever comes first wins; nobody reads half a key
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_bytes()
