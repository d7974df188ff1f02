"""The pages: server templates around what the browser computes. Judges no voucher, but for the no-JavaScript opinion."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchPage

from api import csp, pages_assets, pages_session, problems
from api.auth import services
from api.pages_assets import LANGUAGES
from provenance.core import typed
from provenance.core.certificate import Certificate
from provenance.core.evidence import Unread
from provenance.core.ledger import EventKind
from provenance.core.voucher import VoucherId
from provenance.errors import InvalidInput, NotFound
from provenance.services.access import Role

YEAR = 365 * 24 * 3600
COMMON = ("common.", "error.", "rpc.", "certificate.", "key.", "input.", "state.", "tier.", "operation.", "reason.")

blueprint = Blueprint("pages", __name__, template_folder="web/templates")


@blueprint.get("/")
@blueprint.get("/v")
def verify() -> Response:
    if "id" in request.args:  # the form of a browser without JavaScript
        return _to_opinion(request.args["id"])
    return _page("verify", policy=csp.VERIFY, prefixes=VERIFYING)


def _to_opinion(text: str) -> Response:
    """What is no voucher id may be a key typed into the wrong field: it goes into no path and is not shown again."""
    try:
        known = VoucherId.parse(text)
    except InvalidInput:
        return _no_voucher("…")
    return cast("Response", redirect(f"/v/{known}/opinion"))


@blueprint.get("/v/<voucher_id>")
def voucher(voucher_id: str) -> Response:
    known = _known(voucher_id)
    if known is None:
        return _no_voucher(voucher_id)
    return _page("verify", policy=csp.VERIFY, prefixes=VERIFYING, voucher_id=str(known), known=True)


def _known(text: str) -> VoucherId | None:
    """The one voucher id in a link's path, as people and chat programs write it."""
    ids = set(typed.ids_in(text))
    try:
        return VoucherId.parse(ids.pop()) if len(ids) == 1 else None
    except InvalidInput:
        return None


def _no_voucher(text: str) -> Response:
    """A secret that came in the path is not shown again: the script finds it in the address bar."""
    if typed.may_hold_key(text):
        return _exposed()
    return _page("verify", 404, policy=csp.VERIFY, prefixes=VERIFYING, voucher_id=text[:60])


def _exposed() -> Response:
    """For a link whose # was escaped: the key has reached the server, and whoever keeps logs on the way."""
    return _page("verify", 404, policy=csp.VERIFY, prefixes=VERIFYING, exposed=True)


@blueprint.get("/v/<voucher_id>/opinion")
def opinion(voucher_id: str) -> Response:
    """Without JavaScript: what the server found, and that it is only that."""
    known = _known(voucher_id)
    if known is None:
        return _no_voucher(voucher_id)
    certificate: Certificate | Unread | None
    try:
        certificate, _ = services().catalogue.certificate(known)
    except NotFound as error:
        certificate = None if error.code == "unknown_voucher" else Unread(error.detail)
    found = services().verification.verify(known, None, certificate)
    return _page("opinion", voucher_id=str(known), found=found, certificate=certificate)


@blueprint.get("/redeem")
def redeem() -> Response:
    return _workplace("redeem", Role.REDEEMER, (*VERIFYING, "redeem."))


@blueprint.get("/supplier")
def supplier() -> Response:
    return _workplace("supplier", Role.SUPPLIER, ("supplier.", "chart.", "label.", "event."))


@blueprint.get("/audit")
def audit() -> Response:
    return _workplace("audit", Role.AUDITOR, ("audit.", "chart.", "event."), kinds=list(EventKind))


@blueprint.get("/static/<path:name>")
def static(name: str) -> Response:
    return pages_assets.serve(name)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    return send_from_directory(pages_assets.WEB, "icon.svg", mimetype="image/svg+xml", max_age=YEAR)


VERIFYING = ("verify.", "verdict.", "step.", "scan.", "claim.", "terms.", "voucher.", "registry.", "event.", "content.")


PATHS = ("/", "/v", "/redeem", "/supplier", "/audit", "/docs")
SIGN_IN_FAULTS = ("refused", "old", "wrong_role")


def missing(error: HTTPException) -> ResponseReturnValue:
    """A person gets a page in their language, a program a problem. Links that were altered on their way are put right."""
    if not _is_person():
        return problems.from_http(error)
    if typed.may_hold_key(request.path):
        return _exposed()
    plain = request.path.rstrip("/").lower() or "/"
    if plain != request.path and plain in PATHS:
        return redirect(plain, 308)  # the browser carries the fragment along
    if plain.startswith("/v/") and (known := _known(plain)):
        return redirect(f"/v/{known}", 308)
    return _page("missing", error.code or 404)


def _is_person() -> bool:
    return (
        request.accept_mimetypes.best_match(["application/problem+json", "application/json", "text/html"])
        == "text/html"
    )


def _workplace(name: str, role: Role, prefixes: tuple[str, ...], **values: Any) -> Response:
    """A page for the holders of one kind of API key; others see the form to sign in."""
    who = pages_session.signed_in()
    if who is None or who.role is not role:
        fault = "wrong_role" if who else request.args.get("fault")
        known = f"signin.{fault}" if fault in SIGN_IN_FAULTS else None
        return _page("sign-in", policy=csp.STRICT, role=str(role), next=request.path, fault=known, who=who)
    return _page(name, prefixes=prefixes, who=who, **values)


def _page(
    template: str, status: int = 200, *, policy: str = csp.STRICT, prefixes: tuple[str, ...] = (), **values: Any
) -> Response:
    language = _language()
    response = make_response(
        render_template(
            f"{template}.html",
            page=template,
            lang=language,
            t=pages_assets.messages(language),
            texts=_texts(language, (*COMMON, *prefixes)),
            settings=_settings(values),
            csrf=pages_session.token,
            **values,
        ),
        status,
    )
    response.headers["Content-Security-Policy"] = policy
    response.headers["Vary"] = "Accept-Language, Cookie"
    response.headers["Content-Language"] = language
    if request.args.get("lang") == language:
        response.set_cookie("lang", language, max_age=YEAR, samesite="Lax", httponly=True)
    return response


def _texts(language: str, prefixes: tuple[str, ...]) -> dict[str, str]:
    """The texts that this page's scripts may show."""
    return {key: text for key, text in pages_assets.messages(language).items() if key.startswith(prefixes)}


def _settings(values: dict[str, Any]) -> dict[str, Any]:
    """What the scripts are told: the pinned registry first of all. The page shows it too."""
    domain, who = services().domain, values.get("who")
    return {
        "chainId": domain.chain_id,
        "registry": domain.registry.lower(),
        "since": services().history.first_block(),
        "publicUrl": services().settings.public_url,
        "voucherId": values.get("voucher_id"),
        "exposed": values.get("exposed", False),
        "address": who.address if who else None,
        "csrf": pages_session.token() if who else None,
    }


def _language() -> str:
    """Asked for, remembered, or what the browser prefers; Chinese of any region reads zh-CN."""
    for wanted in (request.args.get("lang"), request.cookies.get("lang")):
        if wanted in LANGUAGES:
            return wanted
    for tag, _ in request.accept_languages:
        if tag.lower().startswith("zh"):
            return "zh-CN"
        if tag.lower().startswith("en"):
            return "en"
    return "en"


def register(app: Flask) -> None:
    pages_session.register(app, app.extensions["provenance"].settings)
    app.register_blueprint(blueprint)
    for kind in (NoSuchPage, MethodNotAllowed):
        app.register_error_handler(kind, missing)
    app.jinja_env.globals.update(asset=pages_assets.url_of, imports=pages_assets.imports_of)
    app.jinja_env.filters["address"] = lambda text: f"{text[:6]}…{text[-4:]}" if text else ""
