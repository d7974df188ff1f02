"""/v1/events: the auditor's query over all events, as pages of JSON or one CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flask import Response, json, request, stream_with_context
from flask_openapi import APIBlueprint, Tag

from api import representation
from api.auth import require, services
from api.schemas import EventAnswer, EventQuery, ListAnswer
from provenance.core.encoding import parse_address
from provenance.core.voucher import VoucherId
from provenance.services.access import Role
from provenance.services.history import EventFilter

blueprint = APIBlueprint("events", __name__, url_prefix="/v1/events", abp_tags=[Tag(name="events")])


@blueprint.get(
    "", summary="Events, newest first; CSV by Accept", security=[{"apiKey": []}], responses={200: ListAnswer}
)
def index(query: EventQuery) -> Response:
    require(Role.AUDITOR)
    wanted = _filter(query)
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        return _csv(wanted)
    found = services().history.events(wanted, query.limit + 1, query.starting_after, query.ending_before)
    answers = [EventAnswer.model_validate(event) for event in found]
    return representation.listing(answers, query.limit, backward=query.ending_before is not None)


def _filter(query: EventQuery) -> EventFilter:
    voucher = VoucherId.parse(query.voucher, field="voucher") if query.voucher else None
    batch = bytes.fromhex(query.batch) if query.batch else None
    return EventFilter(
        batch_id=voucher.batch_id if voucher else batch,
        index=voucher.index if voucher else None,
        kind=query.kind,
        actor=parse_address(query.actor, field="actor") if query.actor else None,
        from_block=query.from_block,
        to_block=query.to_block,
        since=query.since,
        until=query.until,
    )


def _csv(wanted: EventFilter) -> Response:
    response = Response(stream_with_context(_lines(wanted)), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="events.csv"'
    return response


def _lines(wanted: EventFilter) -> Iterator[str]:
    columns = [field.alias or name for name, field in EventAnswer.model_fields.items()]
    yield "\ufeff" + ",".join(columns) + "\r\n"  # without the mark Excel takes it for the system's encoding
    for event in services().history.export(wanted):
        row = EventAnswer.model_validate(event).model_dump(mode="json", by_alias=True)
        row["fields"] = json.dumps(row["fields"], ensure_ascii=False)
        buffer = io.StringIO()
        csv.writer(buffer).writerow([_harmless(row[column]) for column in columns])
        yield buffer.getvalue()


_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # Excel takes the full-width ones, too


def _harmless(value: object) -> object:
    """A brand chooses its own name: a spreadsheet must not take it for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in _FORMULA else value
