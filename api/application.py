"""Builds the Flask application from the services; owns what every request goes through."""

from __future__ import annotations

import random
import re
import time
from functools import partial

import structlog
from flask import Response, g, redirect, request
from flask.globals import app_ctx, request_ctx
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_openapi import Info, OpenAPI
from werkzeug.exceptions import BadRequest
from werkzeug.middleware.proxy_fix import ProxyFix

from api import (
    audits,
    batches,
    csp,
    events,
    operations,
    pages,
    problem_types,
    problems,
    rpc,
    status,
    vouchers,
    webhooks,
)
from api.auth import caller
from api.document import DescribedApi
from api.problems import Unsendable
from api.schemas import Problem
from provenance.errors import Unauthorized
from provenance.wiring import Services

log = structlog.get_logger("api")

MAX_JSON = 1024 * 1024
FORMS = ("/v1/batches", "/sign-in", "/sign-out")
"""Where a POST is a form; everywhere else it is JSON."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")


def create_app(services: Services) -> OpenAPI:
    """A WSGI application. Serves requests; never sends a transaction and never folds an event."""
    app = DescribedApi(
        "api",
        info=Info(title="Voucher provenance", version="1"),
        security_schemes={"apiKey": {"type": "http", "scheme": "bearer"}},
        validation_error_model=Problem,
        validation_error_callback=problems.from_validation,
        doc_prefix="/docs",
        static_folder=None,
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions["provenance"] = services
    if services.settings.trusted_proxies:
        hops = services.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    metrics = status.register(app)
    app.before_request(_begin)  # first, so that even a refusal by the limiter has its Request-Id
    _limit(app, services.settings.rate_limit, services.settings.rate_storage)
    app.before_request(_authenticate)
    for module in (batches, vouchers, operations, events, audits, rpc, webhooks):
        app.register_api(module.blueprint)
    pages.register(app)
    problems.register(app)
    app.before_request(_check_json)
    app.after_request(partial(_finish, metrics))
    app.add_url_rule("/docs", "docs", lambda: redirect("/docs/swagger"))
    app.add_url_rule("/docs/errors", "problem_types", problem_types.page)
    app.add_url_rule("/openapi.json", "openapi_json", lambda: redirect("/docs/openapi.json"))
    return app


def _limit(app: OpenAPI, rate: str, storage: str) -> None:
    """By API key, else by address, so that guessing keys is limited too. An empty rate switches it off."""

    def who() -> str:
        try:
            found = caller()
        except Unauthorized:
            found = None
        return found.key_id if found else request.remote_addr or "unknown"

    Limiter(
        who,
        app=app,
        default_limits=[rate] if rate else [],
        headers_enabled=True,
        enabled=bool(rate),
        storage_uri=storage,
    )


def _begin() -> None:
    given = request.headers.get("Request-Id")
    fresh = given is None or not _REQUEST_ID.match(given)
    g.request_id = f"{random.getrandbits(64):016x}" if fresh else given
    g.started = time.monotonic()


def _authenticate() -> None:
    """A key that is not valid is refused on every route, never silently ignored."""
    caller()


def _check_json() -> ResponseReturnValue | None:
    """415 and 400 before any model sees the body."""
    if request.method != "POST" or request.path in FORMS or request.url_rule is None:
        return None
    if not request.is_json:
        raise Unsendable(415, problems.HTTP_DETAILS[415], "unsupported_media_type")
    try:
        request.get_json()
    except (BadRequest, RecursionError, UnicodeDecodeError) as error:
        raise Unsendable(400, "the body is not JSON; check its syntax", "malformed_json") from error
    return None


_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
}


def _finish(metrics: status.Metrics, response: Response) -> Response:
    asked, headers, own = request_ctx.request, response.headers, app_ctx.g
    seconds, request_id = time.monotonic() - own.started, own.request_id
    headers.extend(_HEADERS, **{"Request-Id": request_id})
    headers.setdefault("Content-Security-Policy", csp.DOCS if asked.path.startswith("/docs") else csp.STRICT)
    headers.setdefault("Cache-Control", "no-store")
    route = asked.url_rule.rule if asked.url_rule else None
    metrics.observe(asked.method, route or "unknown", response.status_code, seconds)
    facts = {"method": asked.method, "route": route, "status": response.status_code, "ms": round(seconds * 1000, 1)}
    log.info("request", request_id=request_id, **facts)
    if response.status_code == 200 and "ETag" in headers:
        response.make_conditional(asked)
    return response
