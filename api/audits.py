"""/v1/audit and /v1/statistics: start an audit, see how far it is and what it found; counts over time for charts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import representation
from api.auth import require, services
from api.schemas import AuditAnswer, Nothing, StatisticsAnswer
from provenance.services.access import Role

blueprint = APIBlueprint("audits", __name__, url_prefix="/v1", abp_tags=[Tag(name="audit")])
KEY: list[dict[str, list[Any]]] = [{"apiKey": []}]


class StatisticsQuery(BaseModel):
    """`period` in seconds."""

    model_config = ConfigDict(extra="forbid")
    period: Annotated[int, Field(ge=60, le=366 * 86400)] = 86400


@blueprint.get(
    "/audit",
    summary="The running audit's progress and the last one's result",
    security=KEY,
    responses={200: AuditAnswer},
)
def show() -> Response:
    require(Role.AUDITOR)
    return representation.document(services().auditing.state())


@blueprint.post(
    "/audit", summary="Start an audit of database against chain", security=KEY, responses={202: AuditAnswer}
)
def start(body: Nothing) -> Response:
    """409 while one is running. The body is an empty object."""
    require(Role.AUDITOR)
    response = representation.document(services().auditing.start())
    response.status_code = 202
    return response


@blueprint.get(
    "/statistics",
    summary="Vouchers minted, re-keyed, redeemed and revoked over time",
    security=KEY,
    responses={200: StatisticsAnswer},
)
def statistics(query: StatisticsQuery) -> Response:
    """A supplier sees its own batches, an auditor all."""
    who = require(Role.AUDITOR, Role.SUPPLIER)
    found = services().statistics.periods(query.period, who.address if who.role is Role.SUPPLIER else None)
    return representation.document({"period": query.period, "data": [asdict(period) for period in found]})
