"""How late the reactor is: whatever keeps it busy keeps everybody waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

_EVERY: Final = 0.25
"""Seconds between looks."""


class LagWatch(Service):
    """Sets a timer again and again, and says how late it comes."""

    def __init__(self, clock: IReactorTime, *told: Callable[[float], object]) -> None:
        """
        @param told: whom to tell the seconds, each time.
        """
        self._clock = clock
        self._told = told
        self._timer: IDelayedCall | None = None
        self._due = 0.0

    def startService(self) -> None:
        super().startService()
        self._set()

    def stopService(self) -> None:
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _set(self) -> None:
        self._due = self._clock.seconds() + _EVERY
        self._timer = self._clock.callLater(_EVERY, self._look)

    def _look(self) -> None:
        late = max(self._clock.seconds() - self._due, 0.0)
        for tell in self._told:
            tell(late)
        self._set()
