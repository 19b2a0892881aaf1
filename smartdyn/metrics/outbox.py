"""Callbacks to Foreman."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smartdyn.metrics.buckets import REMOTE, WORK
from smartdyn.metrics.kinds import prepare


class OutboxMeters:
    """What the outbox does."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.kept = Gauge("smartdyn_callbacks", "Callbacks to Foreman that are kept", ["state"], registry=registry)
        self.oldest = Gauge(
            "smartdyn_callback_oldest_seconds", "For how long the oldest callback has been waiting", registry=registry
        )
        self.in_flight = Gauge(
            "smartdyn_callback_requests_in_flight", "Requests to Foreman that are under way", registry=registry
        )
        self.attempts = Counter(
            "smartdyn_callback_attempts",
            "Requests to Foreman, by the HTTP status of its answer",
            ["status"],
            registry=registry,
        )
        self.outcomes = Counter(
            "smartdyn_callback_outcomes",
            "Attempts to deliver a callback, by what came of them",
            ["outcome"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "smartdyn_callback_request_seconds", "How long requests to Foreman took", registry=registry, buckets=REMOTE
        )
        self.delivery_seconds = Histogram(
            "smartdyn_callback_delivery_seconds",
            "From the end of a job to Foreman's having taken its callback",
            registry=registry,
            buckets=WORK,
        )
        prepare(self.attempts, ("200", "none"))
        prepare(self.outcomes, ("delivered", "retry", "park"))

    def answered(self, status: int | None, seconds: float) -> None:
        """Foreman has answered, or has not."""
        self.attempts.labels(str(status or "none")).inc()
        self.request_seconds.observe(seconds)
