"""Reads what is looked at only when somebody asks for numbers: how full, how many, how old."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import Gauge

from smartdyn.errors import StoreError
from smartdyn.foreman.outbox import Backlog
from smartdyn.metrics.meters import Meters
from smartdyn.model.states import PlanState
from smartdyn.observing.parts import Parts
from smartdyn.store import plans

_CALLBACK_STATES = ("pending", "delivered", "parked")


class Gauges:
    """Sets all gauges to what is the case now."""

    def __init__(self, meters: Meters, parts: Parts) -> None:
        self._meters = meters
        self._parts = parts

    async def refresh(self) -> None:
        """Look at everything; what the database does not tell is left as it was told before."""
        self._engine()
        self._hosts()
        self._database()
        self._process()
        self._certificates()
        await self._ready()
        try:
            counts, backlog = await self._parts.database.query(plans.state_counts), await self._parts.outbox.backlog()
        except StoreError:
            return
        for state in PlanState:
            if state is not PlanState.STOPPED:
                self._meters.engine.plans.labels(state.value).set(counts.get(state.value, 0))
        self._outbox(backlog)

    async def _ready(self) -> None:
        meters, items = self._meters.process, await self._parts.readiness.look()
        meters.ready.set(not any(item.blocks for item in items))
        for item in items:
            meters.problems.labels(item.name).set(not item.ok)

    def _engine(self) -> None:
        meters, world = self._meters.engine, self._parts.world
        labels = Counter(run.plan.label or "none" for run in world.runs())
        _set_all(meters.plans_running, labels)
        for queue in world.environment.queues.depths():
            meters.queue_limit.labels(queue.name).set(queue.size)
            meters.queue_busy.labels(queue.name).set(queue.busy)
            meters.queue_waiting.labels(queue.name).set(queue.waiting)
        meters.events_planned.set(world.environment.planned_events.count())
        self._meters.jobs.running.set(self._parts.dispatcher.running())

    def _hosts(self) -> None:
        meters, load = self._meters.ssh, self._parts.hosts.load()
        meters.connections.labels("open").set(load.connections_open)
        meters.connections.labels("opening").set(load.connections_opening)
        meters.sessions_open.set(load.sessions)
        meters.starting.set(load.starting)
        meters.starting_limit.set(load.starting_limit)
        meters.starting_waiting.set(load.starting_waiting)

    def _outbox(self, backlog: Backlog) -> None:
        meters = self._meters.outbox
        for state in _CALLBACK_STATES:
            meters.kept.labels(state).set(backlog.counts.get(state, 0))
        oldest = backlog.oldest
        meters.oldest.set(0.0 if oldest is None else max(self._parts.world.now() - oldest, 0.0))
        meters.in_flight.set(self._parts.outbox.under_way)

    def _database(self) -> None:
        meters, database = self._meters.database, self._parts.database
        meters.writer_waiting.set(database.queued)
        meters.writing_seconds.set(database.writing_for)
        for name, readers in database.readers().items():
            meters.readers_busy.labels(name).set(readers.is_busy)
            meters.readers_waiting.labels(name).set(readers.waiting)
        meters.size.set(_size(database.path))
        meters.wal_size.set(_size(Path(f"{database.path}-wal")))
        meters.disk_free.set(_free(database.path.parent))

    def _process(self) -> None:
        meters, parts = self._meters.process, self._parts
        meters.timers.set(len(parts.reactor.getDelayedCalls()))
        for part, spawner in parts.spawners.items():
            meters.coroutines.labels(part).set(spawner.count())
        for name, pool in parts.threads.items():
            meters.threads_busy.labels(name).set(len(pool.working))
            meters.threads_limit.labels(name).set(pool.max)
            meters.threads_waiting.labels(name).set(pool.q.qsize())
        self._meters.http.in_flight.set(parts.front.in_flight())
        self._meters.http.connections.set(parts.front.connections())

    def _certificates(self) -> None:
        expiries = self._parts.watch.expiries().items()
        _set_all(self._meters.process.certificate_expiry, {path.name: at.timestamp() for path, at in expiries})


def _set_all(gauge: Gauge, values: Mapping[str, float]) -> None:
    """Set a gauge with one label; what is not there any more is not shown any more."""
    gauge.clear()
    for label, value in values.items():
        gauge.labels(label).set(value)


def _free(folder: Path) -> float:
    """Bytes; not a number where that cannot be told: nought would be an alarm."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return math.nan


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
