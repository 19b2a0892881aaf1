"""One at a time: what reads a plan from the database, decides, and writes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import DeferredLock


class PlanLocks:
    """A lock for each plan that somebody is about to change while it is not being executed."""

    def __init__(self) -> None:
        self._locks: dict[str, DeferredLock] = {}

    @asynccontextmanager
    async def hold(self, plan_id: str) -> AsyncIterator[None]:
        """Wait until nobody else changes the plan, and keep others waiting meanwhile."""
        lock = self._locks.setdefault(plan_id, DeferredLock())
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()
            if not lock.locked:
                self._locks.pop(plan_id, None)
