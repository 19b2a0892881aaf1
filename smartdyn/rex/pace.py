"""As much at the same time as this machine bears: whoever asks for the status of a task must not wait for new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from smartdyn.rex.fairness import Turns

_EVERY: Final = 0.1
_LATE: Final = 0.015
"""Seconds that a timer may be late before there is too much going on."""

_LATE_FOR_ASKERS: Final = 0.005
"""The same while somebody asks: an answer takes several turns of the reactor, and trips to a thread and back."""

_IN_TIME_FOR_ASKERS: Final = 5
"""How many looks must find the reactor in time before there is more, while somebody asks: each try at more than this
machine bears is paid for by those who wait for an answer."""

_ATTENTION: Final = 1.0
"""Seconds after a question for which another is expected; Foreman and the console's pages ask again and again."""

_FIRST: Final = 8
_LEAST: Final = 4


class Pace:
    """Gives fewer turns while the reactor is late, and one more at a time when it is not (as TCP does, RFC 5681).

    It begins with few, and gives more only when those are used up: what nobody has needed says nothing about what is
    bearable. While somebody asks it is stricter, and slower to give more. It looks only while somebody has a turn.
    """

    def __init__(self, clock: IReactorTime, turns: Turns, asked: Callable[[], int]) -> None:
        """
        @param turns: with as many as there may be at most.
        @param asked: how many questions have been answered so far; while nobody asks, nobody waits either.
        """
        self._clock = clock
        self._turns = turns
        self._most = turns.limit
        self._asked = asked
        self._answered = asked()
        self._expected_until = 0.0
        self._in_time = 0
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        turns.resize(min(_FIRST, self._most))

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
        asked = self._somebody_asks()
        limit = self._turns.limit
        if self._clock.seconds() - self._due > (_LATE_FOR_ASKERS if asked else _LATE):
            self._in_time = 0
            self._turns.resize(max(min(_LEAST, self._most), limit * 3 // 4))
        elif limit < self._most and self._turns.waiting():
            self._in_time += 1
            if self._in_time >= (_IN_TIME_FOR_ASKERS if asked else 1):
                self._in_time = 0
                self._turns.resize(limit + 1)
        if self._turns.taken():
            self.watch()

    def _somebody_asks(self) -> bool:
        answered, now = self._asked(), self._clock.seconds()
        if answered != self._answered:
            self._answered = answered
            self._expected_until = now + _ATTENTION
        return now < self._expected_until
