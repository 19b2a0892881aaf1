"""Requests that are answered here."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smartdyn.metrics.buckets import LOCAL
from smartdyn.metrics.kinds import known, prepare

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

_QUESTIONS = frozenset({"GET", "HEAD"})

REFUSALS = {408: "slow", 413: "body", 431: "headers", 503: "memory"}
"""Why a request was not read to its end, by the status that says so."""


def method_of(given: bytes) -> str:
    """A request's method, C{other} for what is none: clients may send anything."""
    return known(given.decode("latin-1"), _METHODS)


class HttpMeters:
    """What the HTTP server does.

    @ivar questions: how many requests have been answered that change nothing.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.questions = 0
        self.requests = Counter(
            "smartdyn_http_requests",
            "Requests that were answered, by the template of their path",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "smartdyn_http_request_duration_seconds",
            "How long answers took, by the template of the path",
            ["route"],
            registry=registry,
            buckets=LOCAL,
        )
        self.in_flight = Gauge(
            "smartdyn_http_requests_in_flight",
            "Requests that are being answered, live output included",
            registry=registry,
        )
        self.connections = Gauge("smartdyn_http_connections", "Connections of clients", registry=registry)
        self.refused = Counter(
            "smartdyn_http_refused",
            "Requests that were too large, too slow or too many, and connections of peers that have too many",
            ["reason"],
            registry=registry,
        )
        self.viewers = Gauge("smartdyn_live_viewers", "Viewers who are sent output as it comes", registry=registry)
        prepare(self.refused, (*REFUSALS.values(), "connections"))
        self._requests: dict[tuple[str, str, int], Counter] = {}
        self._seconds: dict[str, Histogram] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request is over.

        @param route: the template of its path.
        """
        if method in _QUESTIONS:
            self.questions += 1
        counter = self._requests.get((method, route, status))
        if counter is None:
            counter = self._requests[method, route, status] = self.requests.labels(method, route, str(status))
            self._seconds.setdefault(route, self.seconds.labels(route))
        counter.inc()
        self._seconds[route].observe(seconds)
