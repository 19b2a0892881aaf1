"""Tells systemd that the service moves, so that one that hangs is killed and started again (C{WatchdogSec=})."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner, deadline, sleep
from smartdyn.errors import DeadlineExceeded

Probe = Callable[[], Awaitable[object]]
"""Passes through a part of the service and comes back when that part has moved."""

_PAUSE: Final = 1 / 2
_PATIENCE: Final = 1 / 4
"""Shares of the interval between rounds of probes and for a round: together less than the whole."""


def watchdog_interval(environment: Mapping[str, str], pid: int) -> float | None:
    """Seconds in which systemd wants to hear of us; None when it does not (sd_watchdog_enabled(3))."""
    number, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
    return (
        int(number) / 1_000_000 if number.isascii() and number.isdigit() and int(number) and whose == str(pid) else None
    )


class Watchdog(Service):
    """Sends every part a probe, twice in an interval, and says that all is well when all have come back.

    That this runs at all shows that the reactor moves.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, interval: float, probes: Mapping[str, Probe], alive: Callable[[], None]
    ) -> None:
        """
        @param probes: by the names of the parts.
        @param alive: tells systemd.
        """
        self._clock = clock
        self._interval = interval
        self._patience = interval * _PATIENCE / max(len(probes), 1)
        self._probes = probes
        self._alive = alive
        self._spawner = Spawner()

    def startService(self) -> None:
        super().startService()
        self._spawner.spawn("the watchdog", self._run())

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._spawner.stop()

    async def _run(self) -> None:
        while True:
            for part, probe in self._probes.items():
                while not await self._moves(part, probe):
                    self._log.critical(
                        "{part} does not move; if that lasts, systemd starts the service again", part=part
                    )
            self._alive()
            await sleep(self._clock, self._interval * _PAUSE)

    async def _moves(self, part: str, probe: Probe) -> bool:
        """Whoever answers with an error moves."""

        async def pass_through() -> None:
            await probe()

        try:
            await deadline(self._clock, self._patience, part, Deferred.fromCoroutine(pass_through()))
        except CancelledError:
            raise
        except DeadlineExceeded:
            return False
        except Exception as error:
            self._log.warn("{part} has trouble: {error}", part=part, error=error)
        return True
