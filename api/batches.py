"""/v1/batches: a supplier uploads a batch; anyone reads what is public about it."""

from __future__ import annotations

import mmap
from io import BytesIO
from typing import Any, BinaryIO, cast

from flask import Response, json, request
from flask_openapi import APIBlueprint, Tag
from werkzeug.datastructures import FileStorage

from api import representation
from api.auth import require, services
from api.problems import Unsendable
from api.schemas import BatchAnswer, BatchPath, BatchQuery, ListAnswer, OperationAnswer
from provenance.core.encoding import parse_address
from provenance.core.fingerprint import LEAF_BYTES
from provenance.core.statements import Mint, SignedStatement
from provenance.errors import InvalidInput
from provenance.minting.sealing import read_sealed
from provenance.services.access import Role
from provenance.services.issuance import Submission

MAX_LEAVES = 20_000_000
MAX_UPLOAD = MAX_LEAVES * (LEAF_BYTES + 512)
"""Bytes: that many leaves, with half a kilobyte of sealed content each."""

UPLOAD: dict[str, Any] = {
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["statement", "terms", "leaves"],
                "properties": {
                    "statement": {"type": "string", "description": "the signed Mint, JSON"},
                    "terms": {"type": "string", "description": "the terms, a JSON object"},
                    "leaves": {"type": "string", "format": "binary", "description": "count × 52 bytes"},
                    "sealed": {
                        "type": "string",
                        "format": "binary",
                        "description": "optional: for each voucher in index order u32 length ‖ sealed content",
                    },
                },
            }
        }
    },
    "required": True,
}

blueprint = APIBlueprint("batches", __name__, url_prefix="/v1/batches", abp_tags=[Tag(name="batches")])


@blueprint.post(
    "",
    summary="Upload a batch: terms, signed Mint and public leaves",
    security=[{"apiKey": []}],
    responses={202: OperationAnswer},
    request_body=UPLOAD,
)
def create() -> Response:
    """The root is recomputed from the leaves. Idempotent by the Mint itself: the same upload again is the same operation."""
    who = require(Role.SUPPLIER)
    request.max_content_length = MAX_UPLOAD
    if request.mimetype != "multipart/form-data":
        raise Unsendable(415, "send multipart/form-data with statement, terms and leaves", "unsupported_media_type")
    leaves = _view(_part("leaves"))
    sealed = request.files.get("sealed")
    submission = Submission(
        signed=SignedStatement.parse(_json("statement"), Mint),
        terms=_json("terms"),
        leaves=leaves,
        sealed=enumerate(read_sealed(cast("BinaryIO", sealed.stream))) if sealed else (),
    )
    operation = services().issuance.accept(submission, who.address, who.key_id)
    return representation.operation(services().tracking.operation(operation.id, who.key_id), 202)


@blueprint.get("", summary="Batches, newest first", responses={200: ListAnswer})
def index(query: BatchQuery) -> Response:
    after, before = (bytes.fromhex(edge) if edge else None for edge in (query.starting_after, query.ending_before))
    supplier = parse_address(query.supplier, field="supplier") if query.supplier else None
    found = services().catalogue.batches(query.limit + 1, after, before, supplier)
    views = [representation.batch(view) for view in found]
    return representation.listing(views, query.limit, backward=before is not None)


@blueprint.get("/<batch_id>", summary="One batch, with counts by state", responses={200: BatchAnswer})
def show(path: BatchPath) -> Response:
    return representation.answer(representation.batch(services().catalogue.batch(bytes.fromhex(path.batch_id))))


def _part(name: str) -> FileStorage:
    part = request.files.get(name)
    if part is None:
        raise InvalidInput(f"the upload lacks the part {name!r}", field=name)
    return part


def _json(name: str) -> Any:
    text = request.form.get(name)
    if text is None:
        raise InvalidInput(f"the upload lacks the part {name!r}", field=name)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the part {name!r} is not JSON", field=name) from error


def _view(part: FileStorage) -> memoryview:
    """The bytes without a copy: werkzeug keeps small parts in memory and large ones in a temporary file."""
    if isinstance(part.stream, BytesIO):
        return part.stream.getbuffer()
    try:
        return memoryview(mmap.mmap(part.stream.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:  # an empty file cannot be mapped
        return memoryview(b"")
