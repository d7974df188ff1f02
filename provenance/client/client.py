"""One method for each route; the server's problems come back as this project's own errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from provenance import errors
from provenance.client.multipart import Multipart
from provenance.core.certificate import Certificate
from provenance.core.encoding import keccak, parse_hex, to_hex
from provenance.core.statements import SignedStatement
from provenance.core.voucher import VoucherId

TIERS = ("accepted", "sent", "included", "safe", "finalized")
"""How far an operation has come, in this order; `refused` stands beside them."""

LONGEST_POLL = 20

_RAISED: dict[int, type[errors.ProvenanceError]] = {
    400: errors.InvalidInput,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.InvalidInput,
    415: errors.InvalidInput,
    422: errors.InvalidInput,
}


@dataclass(frozen=True)
class Operation:
    """What became of a request: `status` is one of TIERS, or `refused` with `reason` and `detail`."""

    id: str
    kind: str
    status: str
    reason: str | None
    detail: str | None
    batch_id: bytes
    transaction: str | None
    block: int | None

    def reached(self, tier: str) -> bool:
        return self.status != "refused" and TIERS.index(self.status) >= TIERS.index(tier)


class Client:
    """`url` as http://host:port; `api_key` only where the route asks for one. `timeout` in seconds for one answer."""

    def __init__(self, url: str, api_key: str | None = None, *, timeout: float = 30.0) -> None:
        self.url, self._timeout = url.rstrip("/"), timeout
        self._session = requests.Session()
        self._session.trust_env = False
        if api_key:
            self._session.headers["Authorization"] = f"Bearer {api_key}"

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------ reading

    def status(self) -> dict[str, Any]:
        return self._get("/v1/status")

    def batches(self, **query: Any) -> dict[str, Any]:
        """One page: limit, starting_after, ending_before, supplier."""
        return self._get("/v1/batches", query)

    def batch(self, batch_id: bytes) -> dict[str, Any]:
        return self._get(f"/v1/batches/{batch_id.hex()}")

    def voucher(self, voucher_id: VoucherId) -> dict[str, Any]:
        return self._get(f"/v1/vouchers/{voucher_id}", fields=("state", "nonce"))

    def certificate(self, voucher_id: VoucherId) -> Certificate:
        found = self._get(f"/v1/vouchers/{voucher_id}/certificate")
        try:
            return Certificate.parse(found)
        except errors.InvalidInput as error:
            raise _not_its_own(200) from error

    def sealed_content(self, voucher_id: VoucherId) -> bytes | None:
        """None where the voucher has no content."""
        try:
            found = self._get(f"/v1/vouchers/{voucher_id}/content", fields=("sealedContent",))
            return parse_hex(found["sealedContent"])
        except errors.NotFound as error:
            if error.code != "no_content":
                raise
            return None

    def history(self, voucher_id: VoucherId) -> list[dict[str, Any]]:
        """Oldest first."""
        route = f"/v1/vouchers/{voucher_id}/history"
        found: list[dict[str, Any]] = self._get(route, fields=("data",))["data"]
        return found

    def events(self, **query: Any) -> dict[str, Any]:
        """One page of the auditor's view."""
        return self._get("/v1/events", query)

    def verify(self, **body: Any) -> dict[str, Any]:
        """The server's opinion on certificate= or voucherId=, with claimAddress= where a key was shown."""
        return self._call("POST", "/v1/verifications", json=body)

    # ------------------------------------------------------------------------------------------ writing

    def upload_batch(
        self,
        signed: SignedStatement,
        terms: Mapping[str, Any],
        leaves: Path,
        sealed: Path | None,
        sent: Callable[[int], None] = lambda count: None,
    ) -> Operation:
        """Streams the files; safe to repeat, since the Mint names the batch. `sent` is told each byte count."""
        texts = {"statement": json.dumps(signed.to_json()), "terms": json.dumps(terms, ensure_ascii=False)}
        files = {"leaves": leaves} | ({"sealed": sealed} if sealed else {})
        with Multipart(texts, files, sent) as body:
            headers = {"Content-Type": body.content_type, "Content-Length": str(len(body))}
            return _operation(self._call("POST", "/v1/batches", data=body, headers=headers, timeout=3600))

    def transfer(self, signed: SignedStatement, sealed_content: bytes | None = None) -> Operation:
        extra = {} if sealed_content is None else {"sealedContent": to_hex(sealed_content)}
        return self._submit("/v1/transfers", {"statement": signed.to_json(), **extra})

    def redeem(self, signed: SignedStatement) -> Operation:
        return self._submit("/v1/redemptions", {"statement": signed.to_json()})

    def revoke(self, signed: SignedStatement) -> Operation:
        return self._submit("/v1/revocations", {"statement": signed.to_json()})

    def suspend(self, signed: SignedStatement) -> Operation:
        return self._submit("/v1/suspensions", {"statement": signed.to_json()})

    def operation(self, operation_id: str, *, wait: int = 0) -> Operation:
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        route = f"/v1/operations/{operation_id}"
        return _operation(self._call("GET", route, headers=headers, timeout=self._timeout + wait))

    def wait(self, operation: Operation, tier: str, *, timeout: float = 120) -> Operation:
        """Until it has reached `tier` or was refused. Raises Undetermined where neither is known in time."""
        give_up = time.monotonic() + timeout
        while not operation.reached(tier) and operation.status != "refused":
            left = give_up - time.monotonic()
            if left <= 0:
                detail = f"operation {operation.id} is {operation.status} after {timeout:g} s; look again later"
                raise errors.Undetermined(detail, code="still_pending")
            if operation.reached("included"):
                time.sleep(min(1.0, left))
            operation = self.operation(operation.id, wait=int(min(LONGEST_POLL, left)))
        return operation

    # ------------------------------------------------------------------------------------------ the wire

    def _submit(self, route: str, body: dict[str, Any]) -> Operation:
        """The Idempotency-Key follows from the body: the same request is the same operation, however often it is sent."""
        key = keccak(json.dumps(body, sort_keys=True).encode()).hex()
        return _operation(self._call("POST", route, json=body, headers={"Idempotency-Key": key}))

    def _get(self, route: str, query: Mapping[str, Any] | None = None, fields: tuple[str, ...] = ()) -> dict[str, Any]:
        """Raises ApiUnavailable for an answer without these fields: something else listens there."""
        body = self._call("GET", route, params=query)
        if any(field not in body for field in fields):
            raise _not_its_own(200)
        return body

    def _call(self, method: str, route: str, **options: Any) -> dict[str, Any]:
        options.setdefault("timeout", self._timeout)
        try:
            response = self._session.request(method, self.url + route, allow_redirects=False, **options)
            body = response.json()
        except requests.RequestException as error:
            detail = f"the service at {self.url} cannot be reached ({type(error).__name__}); is it running?"
            raise errors.ApiUnavailable(detail) from error
        if response.ok and isinstance(body, dict):
            return body
        raise _problem(response.status_code, body)


def _operation(body: dict[str, Any]) -> Operation:
    """Raises ApiUnavailable for an answer that is no operation."""
    names = {"id", "kind", "status", "reason", "detail", "batchId", "transaction", "block"}
    if not names <= body.keys() or body["status"] not in (*TIERS, "refused"):
        raise _not_its_own(200)
    return Operation(
        id=body["id"],
        kind=body["kind"],
        status=body["status"],
        reason=body["reason"],
        detail=body["detail"],
        batch_id=parse_hex(body["batchId"], 8),
        transaction=body["transaction"],
        block=body["block"],
    )


def _problem(status: int, body: Any) -> errors.ProvenanceError:
    if not isinstance(body, dict) or "detail" not in body:
        return _not_its_own(status)
    return _RAISED.get(status, errors.ApiUnavailable)(str(body["detail"]), code=str(body.get("code", "error")))


def _not_its_own(status: int) -> errors.ApiUnavailable:
    return errors.ApiUnavailable(f"the service answered {status} with something that is not its own")
