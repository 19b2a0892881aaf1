"""The service as systemd sees it: ready when it is, alive while it moves, with a line that says what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smartdyn.aio import Spawner, sleep
from smartdyn.errors import StoreError
from smartdyn.systemd.notify import Notifier
from smartdyn.systemd.watchdog import Watchdog

_EVERY: Final = 10.0
"""Seconds between looks at what the service does."""


class Unit(Service):
    """Tells systemd of a service that is started beside it, and of its end before that ends."""

    def __init__(
        self,
        clock: IReactorTime,
        notifier: Notifier,
        watchdog: Watchdog | None,
        until_ready: Callable[[], Awaitable[None]],
        summary: Callable[[], Awaitable[str]],
    ) -> None:
        """
        @param until_ready: comes back when unfinished work goes on and requests are answered.
        @param summary: what the service does now.
        """
        self._clock = clock
        self._notifier = notifier
        self._watchdog = watchdog
        self._until_ready = until_ready
        self._summary = summary
        self._spawner = Spawner(clock)

    def startService(self) -> None:
        super().startService()
        if self._notifier.is_wanted:
            self._spawner.spawn("telling systemd", self._run())

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._notifier.stopping()
        if self._watchdog is not None and self._watchdog.running:
            self._watchdog.stopService()
        return self._spawner.stop()

    async def _run(self) -> None:
        await self._until_ready()
        self._notifier.ready()
        if self._watchdog is not None:
            self._watchdog.startService()
        while True:
            try:
                self._notifier.status(await self._summary())
            except StoreError as error:
                self._notifier.status(str(error))
            await sleep(self._clock, _EVERY)
