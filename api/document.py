"""The OpenAPI document: adds to what is generated from the views the problems and headers that they all share."""

from __future__ import annotations

from typing import Any

from flask_openapi import OpenAPI

PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def success(description: str, content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A response that no model describes."""
    return {"description": description, "content": {content_type: {"schema": schema}}}


def _header(name: str, description: str, *, required: bool) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "description": description,
        "required": required,
        "schema": {"type": "string"},
    }


_KEY = _header(
    "Idempotency-Key", "1 to 255 ASCII characters; the first answer is replayed to repetitions", required=True
)
_PREFER = _header("Prefer", "wait=N (RFC 7240): hold the answer up to N seconds, 30 at most", required=False)
HEADERS = {
    "/v1/transfers": [_KEY],
    "/v1/redemptions": [_KEY],
    "/v1/revocations": [_KEY],
    "/v1/suspensions": [_KEY],
    "/v1/operations/{operation_id}": [_PREFER],
}


class DescribedApi(OpenAPI):
    def generate_spec_json(self) -> None:
        self.openapi_version = "3.1.0"  # not every reader takes the generator's 3.2 yet
        super().generate_spec_json()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        for path, methods in self.spec_json["paths"].items():
            for operation in methods.values():
                operation["responses"].pop(str(self.validation_error_status), None)
                operation["responses"] = {"4XX": PROBLEM, "503": PROBLEM} | operation["responses"]
                if path in HEADERS:
                    operation["parameters"] = operation.get("parameters", []) + HEADERS[path]
