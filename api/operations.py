"""/v1/transfers, redemptions, revocations, suspensions: signed statements come in, operations go out; /v1/operations."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi import APIBlueprint, Tag

from api import representation
from api.auth import caller, require, services
from api.idempotency import once
from api.schemas import (
    Body,
    OperationAnswer,
    OperationPath,
    RedeemBody,
    RevokeBody,
    SuspendBody,
    TransferBody,
)
from provenance.core.encoding import parse_hex
from provenance.core.statements import SignedStatement
from provenance.services.access import Role

MAX_WAIT = 30
"""Seconds that `Prefer: wait=N` may hold a request."""

KEY: list[dict[str, list[Any]]] = [{"apiKey": []}]
ACCEPTED: dict[str | int | HTTPStatus, Any] = {202: OperationAnswer}
_WAIT = re.compile(r"\bwait=(\d{1,4})\b")

blueprint = APIBlueprint("operations", __name__, url_prefix="/v1", abp_tags=[Tag(name="operations")])


@blueprint.post("/transfers", summary="Re-key a voucher to its next holder", responses=ACCEPTED)
def transfer(body: TransferBody) -> Response:
    """Anyone may carry it: the holder's signature is the right."""
    who = caller()
    sealed = parse_hex(body.sealed_content, field="sealedContent") if body.sealed_content is not None else None
    owner = who.key_id if who else None
    return once(lambda claim: services().transfers.accept(_signed(body), sealed, owner, claim))


@blueprint.post("/redemptions", summary="Redeem a voucher, once", security=KEY, responses=ACCEPTED)
def redemption(body: RedeemBody) -> Response:
    """The holder's signature and the key of the redeemer whom it names."""
    who = require(Role.REDEEMER)
    return once(lambda claim: services().redemptions.accept(_signed(body), who.address, who.key_id, claim))


@blueprint.post("/revocations", summary="Revoke vouchers that are still sealed", security=KEY, responses=ACCEPTED)
def revocation(body: RevokeBody) -> Response:
    who = require(Role.SUPPLIER, Role.BRAND)
    return once(lambda claim: services().revocations.accept_revoke(_signed(body), who.address, who.key_id, claim))


@blueprint.post("/suspensions", summary="Suspend a batch's redemptions, or lift that", security=KEY, responses=ACCEPTED)
def suspension(body: SuspendBody) -> Response:
    who = require(Role.BRAND, Role.SUPPLIER)
    return once(lambda claim: services().revocations.accept_suspend(_signed(body), who.address, who.key_id, claim))


@blueprint.get("/operations/<operation_id>", summary="How far an operation has come", responses={200: OperationAnswer})
def show(path: OperationPath) -> Response:
    """`Prefer: wait=N` (RFC 7240) holds the answer up to N seconds, until the operation is included or refused."""
    who = caller()
    asked = _WAIT.search(request.headers.get("Prefer", ""))
    wait = min(int(asked[1]), MAX_WAIT) if asked else 0
    view = services().tracking.operation(path.operation_id, who.key_id if who else None, wait=wait)
    response = representation.operation(view, 200)
    if asked:
        response.headers["Preference-Applied"] = f"wait={wait}"
    return response


def _signed(body: Body) -> SignedStatement:
    return SignedStatement.parse(body.model_dump(by_alias=True)["statement"])
