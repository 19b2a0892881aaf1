"""The process itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from smartdyn.metrics.buckets import LOCAL


class ProcessMeters:
    """How reactor, threads and surroundings are."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.build = Info("smartdyn_build", "Versions of what runs here", registry=registry)
        self.ready = Gauge("smartdyn_ready", "Whether the service can do its work", registry=registry)
        self.problems = Gauge(
            "smartdyn_problem", "Whether something is not as it should be", ["check"], registry=registry
        )
        self.reactor_lag = Histogram(
            "smartdyn_reactor_lag_seconds",
            "How late timers are: everything else waits as long",
            registry=registry,
            buckets=LOCAL,
        )
        self.timers = Gauge("smartdyn_reactor_timers", "Timers that are set", registry=registry)
        self.coroutines = Gauge(
            "smartdyn_coroutines", "Coroutines that work in the background, by part", ["part"], registry=registry
        )
        self.threads_busy = Gauge("smartdyn_threads_busy", "Threads that work", ["pool"], registry=registry)
        self.threads_limit = Gauge(
            "smartdyn_threads_limit", "Threads that may work at the same time", ["pool"], registry=registry
        )
        self.threads_waiting = Gauge(
            "smartdyn_threads_waiting", "Calls that wait for a thread", ["pool"], registry=registry
        )
        self._log_events = Counter(
            "smartdyn_log_events", "Events that were logged, by level", ["level"], registry=registry
        )
        self.certificate_expiry = Gauge(
            "smartdyn_certificate_expiry_timestamp_seconds",
            "When our certificates expire",
            ["file"],
            registry=registry,
        )

    def logged(self, level: str) -> None:
        """Something was logged."""
        self._log_events.labels(level).inc()
