"""Errors as application/problem+json (RFC 9457): one table from error to status; unknown errors reveal nothing."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, g, json, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from provenance import errors
from provenance.core import typed

log = structlog.get_logger(__name__)

STATUS: tuple[tuple[type[errors.ProvenanceError], int, str], ...] = (
    (errors.InvalidInput, 422, "The request can never be right as it is"),
    (errors.NotFound, 404, "Not found"),
    (errors.Unauthorized, 401, "A valid API key is needed"),
    (errors.Forbidden, 403, "This API key may not do that"),
    (errors.Conflict, 409, "The present state refuses it"),
    (errors.Undetermined, 503, "The chain could not be read"),
    (errors.StorageUnavailable, 503, "The database could not take it"),
    (errors.Halted, 503, "The service has stopped itself for safety"),
)
RETRY_SECONDS = 5

HTTP_CODES = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}
HTTP_DETAILS = {
    400: "the request could not be read as HTTP or JSON; check the body's syntax and its length",
    404: "there is nothing at this address; the routes are listed at /docs",
    405: "this address does not take that method; see /docs",
    413: "the body is larger than this route takes",
    415: "send Content-Type: application/json (batches: multipart/form-data)",
    429: "too many requests; wait as long as Retry-After says",
}


class Unsendable(HTTPException):
    """A status that has no error of the domain: 400, 415."""

    def __init__(self, status: int, detail: str, code: str) -> None:
        super().__init__(detail)
        self.code, self.problem_code = status, code


def problem(status: int, title: str, detail: str, code: str, faults: list[dict[str, Any]] | None = None) -> Response:
    """The one shape of every error answer; in ASCII, since a field's name may hold what UTF-8 cannot (lone surrogates)."""
    body = {
        "type": f"/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "/…" if typed.may_hold_key(request.path) else request.path,
        "code": code,
        "request_id": g.get("request_id"),
        "errors": faults or [],
    }
    response = Response(json.dumps(body, ensure_ascii=True), status, mimetype="application/problem+json")
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def from_domain(error: errors.ProvenanceError) -> Response:
    for kind, status, title in STATUS:
        if isinstance(error, kind):
            fault = {"pointer": pointer(error.field), "detail": error.detail, "code": error.code}
            return problem(status, title, error.detail, error.code, [fault] if error.field else [])
    return from_unknown(error)


def from_http(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # ours, from the validation below
    status = error.code or 500
    if isinstance(error, Unsendable):
        return problem(status, error.name, str(error.description), error.problem_code)
    detail = HTTP_DETAILS.get(status, "the request was refused")
    response = problem(status, error.name, detail, HTTP_CODES.get(status, "http_error"))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def from_validation(error: ValidationError) -> Response:
    """Names each field at fault; never repeats its value, which might be a secret sent by mistake."""
    faults = [
        {"pointer": "/" + "/".join(str(part) for part in fault["loc"]), "detail": fault["msg"], "code": fault["type"]}
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    where = ", ".join(fault["pointer"] for fault in faults[:5])
    return problem(422, STATUS[0][2], f"check {where}: {faults[0]['detail']}", "invalid_input", faults[:50])


def from_unknown(error: Exception) -> Response:
    route = request.url_rule.rule if request.url_rule else None
    log.error("unexpected_error", route=route, kind=type(error).__name__, exc_info=error)
    return problem(500, "Something went wrong here", "this is our fault; quote the request_id to us", "internal_error")


def pointer(field: str | None) -> str:
    """`statement.message.index` as the JSON pointer `/statement/message/index` (RFC 6901)."""
    return "/" + (field or "").replace(".", "/")


def register(app: Flask) -> None:
    app.register_error_handler(errors.ProvenanceError, from_domain)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(ValidationError, from_validation)
    app.register_error_handler(Exception, from_unknown)
