"""Numbers for Prometheus, taken when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from smartdyn.actions.dispatcher import RunnerDispatcher
from smartdyn.engine.world import World
from smartdyn.foreman.outbox import Backlog, Outbox
from smartdyn.store.database import SqliteDatabase
from smartdyn.web.expiry import CertificateWatch


class ServiceMetrics(Collector):
    """What the service is doing now, and what it has done since it was started."""

    def __init__(
        self,
        database: SqliteDatabase,
        world: World,
        dispatcher: RunnerDispatcher,
        watch: CertificateWatch,
        outbox: Outbox,
    ) -> None:
        self._watch = watch
        self._outbox = outbox
        self._backlog = Backlog()
        self._database = database
        self._world = world
        self._dispatcher = dispatcher

    async def refresh(self) -> None:
        """Ask for what cannot be known at once; called before each L{collect}."""
        self._backlog = await self._outbox.backlog()

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """All families."""
        yield GaugeMetricFamily(
            "smartdyn_running_plans", "Execution plans that are being executed", len(self._world.running())
        )
        yield GaugeMetricFamily("smartdyn_running_jobs", "Jobs that a runner works on", self._dispatcher.running())
        yield GaugeMetricFamily(
            "smartdyn_database_queued_units", "Units that wait to be written", self._database.queued
        )
        yield CounterMetricFamily("smartdyn_database_commits", "Commits to the database", self._database.commits)
        yield CounterMetricFamily("smartdyn_database_units", "Units in these commits", self._database.units)
        expiries = GaugeMetricFamily(
            "smartdyn_certificate_expiry_timestamp_seconds", "When our certificates expire", labels=["file"]
        )
        for path, expiry in self._watch.expiries().items():
            expiries.add_metric([path.name], expiry.timestamp())
        yield expiries
        waiting = GaugeMetricFamily("smartdyn_callbacks", "Callbacks to Foreman that are kept", labels=["state"])
        for state in ("pending", "delivered", "parked"):
            waiting.add_metric([state], self._backlog.counts.get(state, 0))
        yield waiting
        oldest = self._backlog.oldest
        yield GaugeMetricFamily(
            "smartdyn_oldest_callback_seconds",
            "For how long the oldest callback has been waiting",
            0.0 if oldest is None else max(self._world.now() - oldest, 0.0),
        )
        answers = CounterMetricFamily("smartdyn_callback_answers", "What Foreman answered", labels=["status"])
        for status, number in self._outbox.answers.items():
            answers.add_metric([status], number)
        yield answers
