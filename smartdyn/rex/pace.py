"""As much at the same time as this machine bears: whoever asks for the status of a task must not wait for new ones."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from smartdyn.rex.fairness import Turns

_EVERY: Final = 0.1
_LATE: Final = 0.015
"""Seconds that a timer may be late before there is too much going on."""

_LEAST: Final = 4


class Pace:
    """Gives fewer turns while the reactor is late, and one more at a time when it is not (as TCP does, RFC 5681).

    It looks only while somebody has a turn.
    """

    def __init__(self, clock: IReactorTime, turns: Turns) -> None:
        self._clock = clock
        self._turns = turns
        self._most = turns.limit
        self._timer: IDelayedCall | None = None
        self._due = 0.0

    def watch(self) -> None:
        """Somebody wants a turn."""
        if self._timer is None:
            self._due = self._clock.seconds() + _EVERY
            self._timer = self._clock.callLater(_EVERY, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _look(self) -> None:
        self._timer = None
        limit = self._turns.limit
        if self._clock.seconds() - self._due > _LATE:
            self._turns.resize(max(min(_LEAST, self._most), limit * 3 // 4))
        elif limit < self._most:
            self._turns.resize(limit + 1)
        if self._turns.taken() or self._turns.limit < self._most:
            self.watch()
