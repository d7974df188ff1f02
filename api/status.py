"""/v1/status for people, /healthz and /readyz for the load balancer, /metrics for Prometheus."""

from __future__ import annotations

from functools import lru_cache

from flask import Response, current_app
from flask_openapi import APIBlueprint, OpenAPI, Tag
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api import representation
from api.auth import services
from api.document import success

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

blueprint = APIBlueprint("status", __name__, abp_tags=[Tag(name="status")])


@blueprint.get(
    "/v1/status",
    summary="Chain, registry, head, lag, relayer and counts",
    responses={200: success("The report", "application/json", {"type": "object"})},
)
def status() -> Response:
    return representation.document(services().status.report())


@blueprint.get(
    "/healthz",
    summary="The process answers",
    responses={200: success("It does", "application/json", {"type": "object"})},
)
def healthz() -> Response:
    return representation.document({"status": "ok"})


@blueprint.get(
    "/readyz",
    summary="Database and chain can be read, and indexing keeps up",
    responses={
        200: success("Ready", "application/json", {"type": "object"}),
        503: success("Not ready, with the reasons", "application/json", {"type": "object"}),
    },
)
def readyz() -> Response:
    """503 with the reasons where not."""
    faults = services().status.faults()
    response = representation.document({"status": "unready" if faults else "ready", "faults": faults})
    response.status_code = 503 if faults else 200
    return response


@blueprint.get(
    "/metrics",
    summary="Prometheus metrics",
    responses={200: success("The exposition", "text/plain", {"type": "string"})},
)
def metrics() -> Response:
    found: Metrics = current_app.extensions["metrics"]
    return Response(found.expose(), mimetype="text/plain; version=0.0.4")


class Metrics:
    """This process's counters, and gauges that are read from the database when asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("provenance_requests", "Requests answered", labels, registry=self._registry)
        self._seconds = Histogram("provenance_request_seconds", "Time to answer", ("route",), registry=self._registry)
        self._gauges: dict[str, Gauge] = {}
        self._of = lru_cache(maxsize=None)(self._series)  # as many as there are routes, methods and statuses

    def observe(self, method: str, route: str, code: int, seconds: float) -> None:
        known = method if method in METHODS else "other"  # or strangers could make a series each
        requests, durations = self._of(known, route, code)
        requests.inc()
        durations.observe(seconds)

    def _series(self, method: str, route: str, code: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, code), self._seconds.labels(route)

    def expose(self) -> bytes:
        for name, value in services().status.gauges().items():
            if name not in self._gauges:
                self._gauges[name] = Gauge(f"provenance_{name}", name.replace("_", " "), registry=self._registry)
            self._gauges[name].set(value)
        return generate_latest(self._registry)


def register(app: OpenAPI) -> Metrics:
    app.register_api(blueprint)
    found = app.extensions["metrics"] = Metrics()
    return found
