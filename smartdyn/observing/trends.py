"""How much there was to do in each minute of the last hour."""

from __future__ import annotations

from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from smartdyn.aio import Spawner, deadline
from smartdyn.engine.world import World
from smartdyn.errors import DeadlineExceeded, StoreError
from smartdyn.foreman.outbox import Outbox
from smartdyn.model.internals import Trends
from smartdyn.rex.hosts import Hosts

_MINUTES: Final = 60
_EVERY: Final = 5.0
"""Seconds between looks; of a minute, the largest number is kept."""

_PATIENCE: Final = 30.0
"""Seconds that the database has for an answer."""


class TrendWatch(Service):
    """Looks now and then, and remembers; what was before the service started is not known."""

    def __init__(self, clock: IReactorTime, world: World, hosts: Hosts, outbox: Outbox) -> None:
        self._clock = clock
        self._world = world
        self._hosts = hosts
        self._outbox = outbox
        self.spawner = Spawner(clock)
        self._timer: IDelayedCall | None = None
        self._minutes: dict[int, dict[str, int]] = {}

    def startService(self) -> None:
        super().startService()
        self._look()

    def stopService(self) -> Deferred[None]:
        """Fires when nothing is looked at any more."""
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return self.spawner.stop()

    def late(self, seconds: float) -> None:
        """The reactor was late."""
        self._note("late", round(seconds * 1000))

    def last_hour(self) -> Trends:
        """Minute by minute, the present one last."""
        now = self._minute()
        minutes = [self._minutes.get(minute, {}) for minute in range(now - _MINUTES + 1, now + 1)]
        return Trends(**{name: tuple(noted.get(name, 0) for noted in minutes) for name in Trends.__match_args__})

    def _look(self) -> None:
        self._timer = self._clock.callLater(_EVERY, self._look)
        queues = self._world.environment.queues.depths()
        self._note("running", len(self._world.runs()))
        self._note("waiting", sum(queue.waiting for queue in queues) + self._hosts.load().starting_waiting)
        if not self.spawner.count():
            self.spawner.spawn("looking what Foreman was not told", self._note_unreported())

    async def _note_unreported(self) -> None:
        try:
            waiting = await deadline(self._clock, _PATIENCE, "the number of callbacks", self._outbox.waiting())
        except (StoreError, DeadlineExceeded):
            return
        self._note("unreported", waiting)

    def _note(self, name: str, number: int) -> None:
        minute = self._minute()
        noted = self._minutes.setdefault(minute, {})
        noted[name] = max(noted.get(name, 0), number)
        while (first := next(iter(self._minutes))) <= minute - _MINUTES:
            del self._minutes[first]

    def _minute(self) -> int:
        return int(self._clock.seconds() // 60)
