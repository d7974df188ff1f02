"""/v1/vouchers: what anyone may know about one voucher, and verdicts. No route here ever takes a secret."""

from __future__ import annotations

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api import representation
from api.auth import services
from api.schemas import EventAnswer, ListAnswer, VerdictAnswer, VerificationBody, VoucherAnswer, VoucherPath
from provenance.core.certificate import Certificate
from provenance.core.encoding import parse_address, to_hex
from provenance.core.evidence import Unread
from provenance.core.voucher import VoucherId
from provenance.errors import InvalidInput, NotFound, ProvenanceError

blueprint = APIBlueprint("vouchers", __name__, url_prefix="/v1", abp_tags=[Tag(name="vouchers")])


@blueprint.get("/vouchers/<voucher_id>", summary="State, with its tier and block", responses={200: VoucherAnswer})
def show(path: VoucherPath) -> Response:
    view = services().catalogue.voucher(VoucherId.parse(path.voucher_id))
    return representation.answer(VoucherAnswer.model_validate(view))


@blueprint.get("/vouchers/<voucher_id>/certificate", summary="The portable proof of origin (protocol.md, 6)")
def certificate(path: VoucherPath) -> Response:
    """It never changes once its mint is final; then it may be cached for ever."""
    voucher_id = VoucherId.parse(path.voucher_id)
    found, final = services().catalogue.certificate(voucher_id)
    response = representation.document(found.to_json())
    response.set_etag(f"{voucher_id}-{found.mint_transaction.hex()[:16]}")
    if final:
        response.headers["Cache-Control"] = representation.IMMUTABLE
    return response


@blueprint.get("/vouchers/<voucher_id>/content", summary="The content, sealed for the present holder's key")
def content(path: VoucherPath) -> Response:
    sealed = services().catalogue.sealed_content(VoucherId.parse(path.voucher_id))
    return representation.document({"sealedContent": to_hex(sealed)})


@blueprint.get("/vouchers/<voucher_id>/history", summary="Every event, oldest first", responses={200: ListAnswer})
def history(path: VoucherPath) -> Response:
    voucher_id = VoucherId.parse(path.voucher_id)
    services().catalogue.voucher(voucher_id)
    events = services().history.of_voucher(voucher_id)
    return representation.listing([EventAnswer.model_validate(event) for event in events], len(events))


@blueprint.post(
    "/verifications", summary="A verdict with each of its steps (protocol.md, 7)", responses={200: VerdictAnswer}
)
def verify(body: VerificationBody) -> Response:
    """A certificate, or a voucher id whose certificate we keep; never a secret. What could not be read is `undetermined`."""
    certificate, voucher_id = _evidence(body)
    address = parse_address(body.claim_address, field="claimAddress") if body.claim_address else None
    found = services().verification.verify(voucher_id, address, certificate)
    return representation.answer(representation.judgement(found, voucher_id))


def _evidence(body: VerificationBody) -> tuple[Certificate | Unread | None, VoucherId]:
    if (body.certificate is None) == (body.voucher_id is None):
        raise InvalidInput("send either a certificate or a voucherId", field="voucherId")
    if body.certificate is not None:
        given = Certificate.parse(body.certificate)
        return given, given.voucher_id
    voucher_id = VoucherId.parse(body.voucher_id or "")
    try:
        return services().catalogue.certificate(voucher_id)[0], voucher_id
    except NotFound as error:
        return None if error.code == "unknown_voucher" else Unread(error.detail), voucher_id
    except ProvenanceError as error:
        return Unread(error.detail), voucher_id
