"""Tells systemd that the service moves, so that one that hangs is killed and started again (C{WatchdogSec=})."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


def watchdog_interval(environment: Mapping[str, str], pid: int) -> float | None:
    """Seconds in which systemd wants to hear of us; None when it does not (sd_watchdog_enabled(3))."""
    number, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
    return (
        int(number) / 1_000_000 if number.isascii() and number.isdigit() and int(number) and whose == str(pid) else None
    )


class Watchdog(Service):
    """Looks at the service twice in an interval, and says that all is well when it is.

    That it looks at all shows that the reactor moves.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        interval: float,
        standing_still: Callable[[], Sequence[str]],
        alive: Callable[[], None],
    ) -> None:
        """
        @param standing_still: sentences about parts of the service that do not move.
        @param alive: tells systemd.
        """
        self._interval = interval
        self._standing_still = standing_still
        self._alive = alive
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def startService(self) -> None:
        super().startService()
        self._looking.start(self._interval / 2)

    def stopService(self) -> None:
        super().stopService()
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        problems = self._standing_still()
        if problems:
            self._log.critical(
                "{problems} If that lasts, systemd starts the service again.", problems=" ".join(problems)
            )
        else:
            self._alive()
