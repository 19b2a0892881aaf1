"""Events that are stored until a step has dealt with them: each is handed over when its time has come."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smartdyn.actions.events import EventTypes
from smartdyn.aio import Spawner
from smartdyn.engine.step_events import PendingEvent
from smartdyn.store.events import DeleteEvent, PlannedEvent
from smartdyn.store.persistence import Persistence


class PlannedEvents:
    """The stored events that this life of the service is to deliver."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        types: EventTypes,
        persistence: Persistence,
        spawner: Spawner,
        deliver: Callable[[str, PendingEvent], Deferred[bool]],
    ) -> None:
        """
        @param deliver: sends an event to a step of the plan with this id.
        """
        self._clock = clock
        self._now = now
        self._types = types
        self._persistence = persistence
        self._spawner = spawner
        self._deliver = deliver
        self._armed: dict[tuple[str, int], dict[str, IDelayedCall]] = {}
        self._stopped = False

    def arm(self, planned: PlannedEvent) -> None:
        """Deliver C{planned} when it is due: at once, if that is past."""
        delay = planned.due_at - self._now()
        if self._stopped:
            return
        if delay <= 0:
            self._hand_over(planned)
            return
        armed = self._armed.setdefault((planned.plan_id, planned.step_id), {})
        armed[planned.id] = self._clock.callLater(delay, self._fire, planned)

    def has(self, plan_id: str, step_id: int) -> bool:
        """Does any event wait for its time to come to this step?"""
        return (plan_id, step_id) in self._armed

    def forget(self, plan_id: str, step_id: int) -> None:
        """Deliver nothing more to a step that has ended."""
        for timer in self._armed.pop((plan_id, step_id), {}).values():
            timer.cancel()

    def count(self) -> int:
        """How many events wait for their time."""
        return sum(map(len, self._armed.values()))

    def stop(self) -> None:
        """Leave all events to the next life of the service."""
        self._stopped = True
        for plan_id, step_id in list(self._armed):
            self.forget(plan_id, step_id)

    def _fire(self, planned: PlannedEvent) -> None:
        key = (planned.plan_id, planned.step_id)
        armed = self._armed[key]
        del armed[planned.id]
        if not armed:
            del self._armed[key]
        self._hand_over(planned)

    def _hand_over(self, planned: PlannedEvent) -> None:
        self._spawner.spawn(f"a planned event of task {planned.plan_id}", self._try(planned))

    async def _try(self, planned: PlannedEvent) -> None:
        """Deliver an event, and drop one that nobody can take."""
        try:
            event = self._types.load(planned.event)
            await self._deliver(planned.plan_id, PendingEvent(planned.step_id, event, planned.optional, planned.id))
        except CancelledError:
            raise
        except Exception as error:
            if self._stopped:
                return
            log = self._log.debug if planned.optional else self._log.warn
            log("a planned event is dropped: {error}", error=error)
            await self._persistence.persist([DeleteEvent(planned.id)])
