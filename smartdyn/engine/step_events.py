"""Events on their way to a step: first come, first served."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from smartdyn.actions.events import Cancel
from smartdyn.errors import EventUndeliverable


@dataclass(slots=True)
class PendingEvent:
    """An event that waits for its step, with the Deferred that tells its sender.

    @ivar stored_id: of its row, when it is one that is stored until it has been dealt with, or its step has ended.
    @ivar companions: later ones that said the same and did not wait on their own.
    """

    step_id: int
    event: Any
    optional: bool = False
    stored_id: str | None = None
    processed: Deferred[bool] = field(default_factory=Deferred)
    companions: list[PendingEvent] = field(default_factory=list)

    @property
    def cancels_one_step(self) -> bool:
        """Is its step to end, and not the whole plan? Only the wish for one step is stored as an event."""
        return self.stored_id is not None and isinstance(self.event, Cancel)

    def done(self) -> None:
        """Tell its sender, and those of events that said the same, that it was dealt with and that this is durable."""
        for each in (self, *self.companions):
            each.processed.callback(True)

    def undone(self, plan_id: str, reason: str) -> None:
        """Tell them that nothing came of it."""
        for each in (self, *self.companions):
            each.processed.errback(EventUndeliverable(plan_id, self.step_id, reason, optional=each.optional))


class StepEvents:
    """The waiting events of a plan's steps."""

    def __init__(self, plan_id: str) -> None:
        self._plan_id = plan_id
        self._waiting: dict[int, deque[PendingEvent]] = {}

    def add(self, pending: PendingEvent) -> None:
        """Let C{pending} wait behind those that came before.

        One that says no more than the last of these (C{coalesces}) does not wait on its own.
        """
        waiting = self._waiting.setdefault(pending.step_id, deque())
        if waiting and _same(waiting[-1], pending):
            waiting[-1].companions.append(pending)
            return
        waiting.append(pending)

    def waiting(self) -> list[int]:
        """The steps that somebody has sent an event to."""
        return list(self._waiting)

    def next(self, step_id: int) -> PendingEvent | None:
        """The one whose turn it is, no longer waiting."""
        waiting = self._waiting.get(step_id)
        if not waiting:
            return None
        pending = waiting.popleft()
        if not waiting:
            del self._waiting[step_id]
        return pending

    def drop(self, step_id: int, reason: str) -> None:
        """Tell all who wait for a step that it will take no more events."""
        for pending in self._waiting.pop(step_id, ()):
            pending.undone(self._plan_id, reason)

    def drop_all(self, reason: str) -> None:
        """Likewise for all steps: no Deferred is left without an answer."""
        for step_id in list(self._waiting):
            self.drop(step_id, reason)


def _same(waiting: PendingEvent, pending: PendingEvent) -> bool:
    coalesces = getattr(pending.event, "coalesces", False) and pending.stored_id is None
    return bool(coalesces and waiting.event == pending.event)
