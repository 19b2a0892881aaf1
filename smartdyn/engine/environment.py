"""What every running plan shares: the engine's collaborators in one place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smartdyn.actions.phases import EventSink
from smartdyn.actions.registry import Registry
from smartdyn.aio import Spawner
from smartdyn.engine.planned_events import PlannedEvents
from smartdyn.engine.planning import Planned, PlanRequest
from smartdyn.engine.queues import Queues
from smartdyn.engine.singletons import Singletons
from smartdyn.metrics.engine import EngineMeters
from smartdyn.model.ids import NewId
from smartdyn.store.database import Write
from smartdyn.store.persistence import Persistence

if TYPE_CHECKING:
    from smartdyn.engine.plan_run import PlanRun


@dataclass(frozen=True, slots=True)
class Environment:
    """
    @param clock: for deadlines.
    @param now: the time, seconds since the epoch.
    @param resources: collaborators that actions may ask for, by type.
    @param sink: where events are sent to.
    @param in_thread: calls something that blocks in a thread.
    @param plan: makes a plan, in memory.
    @param new_plan_writes: what is to be written for a new plan.
    @param execute: begins to execute a plan that has been stored.
    @param abandon: gives back what was claimed for a plan that will not be stored.
    @param closing_writes: what else is to be written when a plan stops.
    @param ended: called when a plan is stopped or paused and that is durable.
    @param rejected: called when the database refuses for good what steps (by id) of a plan want to write.
    """

    world_id: str
    clock: IReactorTime
    now: Callable[[], float]
    new_id: NewId
    registry: Registry
    persistence: Persistence
    spawner: Spawner
    queues: Queues
    auto_rescue: bool
    meters: EngineMeters
    singletons: Singletons
    planned_events: PlannedEvents
    resources: dict[type[Any], Any]
    sink: EventSink
    in_thread: Callable[[Callable[[], Any]], Deferred[Any]]
    plan: Callable[[PlanRequest], Planned]
    new_plan_writes: Callable[[Planned], Sequence[Write]]
    execute: Callable[[Planned], None]
    abandon: Callable[[Planned], None]
    closing_writes: Callable[[str], Sequence[Write]]
    ended: Callable[[PlanRun], None]
    rejected: Callable[[PlanRun, Collection[int], Exception], None]

    @asynccontextmanager
    async def place(self, queue: str | None) -> AsyncIterator[None]:
        """Wait for a place in a queue and hold it, and say how long that took."""
        since = self.now()
        name = await self.queues.acquire(queue)
        try:
            self.meters.queue_waited(name, max(self.now() - since, 0.0))
            yield
        finally:
            self.queues.release(name)
