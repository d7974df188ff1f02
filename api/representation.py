"""Views of the services as JSON answers: one function for each resource, and the list shape."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, json, request
from pydantic import BaseModel

from api import schemas
from provenance.core.verdict import Judgement
from provenance.core.voucher import VoucherId
from provenance.services.catalogue import BatchView
from provenance.store.operations import OperationView

IMMUTABLE = "public, max-age=31536000, immutable"


def answer(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(by_alias=True), status, mimetype="application/json")


def listing(models: Sequence[BaseModel], limit: int, *, backward: bool = False) -> Response:
    """`models` holds one more than `limit` where there are more: the one farthest from where the page began is cut off."""
    shown = models[-limit:] if backward and limit else models[:limit]
    data = [model.model_dump(mode="json", by_alias=True) for model in shown]
    body = schemas.ListAnswer(url=request.path, has_more=len(models) > limit, data=data)
    return answer(body)


def operation(view: OperationView, status: int) -> Response:
    response = answer(schemas.OperationAnswer.model_validate(view), status)
    response.headers["Location"] = location(view.id)
    return response


def location(operation_id: str) -> str:
    return f"/v1/operations/{operation_id}"


def batch(view: BatchView) -> schemas.BatchAnswer:
    counts = schemas.Counts.model_validate(view)
    return schemas.BatchAnswer(**{**vars(view), "counts": counts})


def judgement(found: Judgement, voucher_id: VoucherId) -> schemas.VerdictAnswer:
    voucher = found.voucher
    return schemas.VerdictAnswer(
        verdict=found.verdict,
        reason=found.reason,
        key_standing=found.key_standing,
        voucher_id=str(voucher_id),
        state=voucher.state if voucher else None,
        holder=voucher.holder if voucher else None,
        nonce=voucher.nonce if voucher else None,
        tier=found.tier,
        block=schemas.BlockAnswer.model_validate(found.block) if found.block else None,
        redemption=schemas.HappeningAnswer.model_validate(found.redemption) if found.redemption else None,
        steps=[schemas.StepAnswer.model_validate(step) for step in found.steps],
    )


def document(value: object) -> Response:
    """A JSON document as it is."""
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")), mimetype="application/json")
