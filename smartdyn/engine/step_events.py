"""Events on their way to a step: first come, first served."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from smartdyn.errors import EventUndeliverable


@dataclass(slots=True)
class PendingEvent:
    """An event that waits for its step, with the Deferred that tells its sender."""

    event: Any
    optional: bool
    processed: Deferred[bool] = field(default_factory=Deferred)


class StepEvents:
    """The waiting events of a plan's steps."""

    def __init__(self, plan_id: str) -> None:
        self._plan_id = plan_id
        self._waiting: dict[int, deque[PendingEvent]] = {}

    def add(self, step_id: int, pending: PendingEvent) -> None:
        """Let C{pending} wait behind those that came before."""
        self._waiting.setdefault(step_id, deque()).append(pending)

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
            pending.processed.errback(EventUndeliverable(self._plan_id, step_id, reason, optional=pending.optional))

    def drop_all(self, reason: str) -> None:
        """Likewise for all steps: no Deferred is left without an answer."""
        for step_id in list(self._waiting):
            self.drop(step_id, reason)
