"""Turns: only so many at the same time, and nobody is kept waiting by the length of somebody else's queue."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from types import TracebackType

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Turns:
    """A semaphore whose waiters are served group by group.

    Of two launches of a thousand jobs each, the second begins while the first is still going.
    """

    def __init__(self, clock: IReactorTime, limit: int) -> None:
        """
        @param limit: how many may have a turn at the same time.
        """
        self._clock = clock
        self._limit = limit
        self._free = limit
        self._waiting: OrderedDict[Hashable, deque[Deferred[None]]] = OrderedDict()

    def turn(self, group: Hashable, *, at_most: float | None = None) -> Turn:
        """Wait for a turn (C{async with}), and give it back at the end.

        @param at_most: seconds after which it is given back although it is not over: whoever takes that long is waiting
            for somebody else, and must not hold up those who would get on.
        """
        return Turn(self._clock, self, group, at_most)

    def acquire(self, group: Hashable) -> Deferred[None]:
        """Fires when it is the caller's turn; cancelling it gives up the place in the queue."""
        if self._free > 0:
            self._free -= 1
            return succeed(None)
        waiting: Deferred[None] = Deferred(lambda left: self._leave(group, left))
        self._waiting.setdefault(group, deque()).append(waiting)
        return waiting

    def release(self) -> None:
        """The turn is over: it goes to the group that has waited longest for one."""
        self._free += 1
        self._go_on()

    @property
    def limit(self) -> int:
        """How many may have a turn at the same time."""
        return self._limit

    def resize(self, limit: int) -> None:
        """Let more have a turn at the same time, or fewer once enough turns are over."""
        self._free += limit - self._limit
        self._limit = limit
        self._go_on()

    def taken(self) -> int:
        """How many have a turn."""
        return self._limit - self._free

    def _go_on(self) -> None:
        while self._free > 0 and self._waiting:
            self._free -= 1
            self._serve()

    def _serve(self) -> None:
        group, queue = self._waiting.popitem(last=False)
        first = queue.popleft()
        if queue:
            self._waiting[group] = queue
        first.callback(None)

    def waiting(self) -> int:
        """How many wait."""
        return sum(len(queue) for queue in self._waiting.values())

    def _leave(self, group: Hashable, left: Deferred[None]) -> None:
        queue = self._waiting[group]
        queue.remove(left)
        if not queue:
            del self._waiting[group]


class Turn:
    """A turn that somebody waits for, or has."""

    def __init__(self, clock: IReactorTime, turns: Turns, group: Hashable, at_most: float | None) -> None:
        self._clock = clock
        self._turns = turns
        self._group = group
        self._at_most = at_most
        self._timer: IDelayedCall | None = None

    async def __aenter__(self) -> None:
        await self._turns.acquire(self._group)
        if self._at_most is not None:
            self._timer = self._clock.callLater(self._at_most, self._turns.release)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is None:
            self._turns.release()
        elif self._timer.active():
            self._timer.cancel()
            self._turns.release()
