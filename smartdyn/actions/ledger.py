"""Writes down who does what: before it is done, so that nothing is done of which nobody knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from smartdyn.aio import shielded
from smartdyn.engine.world import World
from smartdyn.errors import SmartdynError
from smartdyn.model.audit import Actor, AuditEntry, AuditQuery
from smartdyn.store import audit
from smartdyn.store.audit import BeginAudit, EndAudit

T = TypeVar("T")

BEGUN: Final = "It was begun; how it ended is not known."
"""What is said of a deed until it is over, and for ever of one that the service did not survive."""


class Ledger:
    """The audit log."""

    def __init__(self, world: World) -> None:
        self._world = world

    def recorded(
        self, by: Actor, what: str, subject: str, work: Callable[[], Awaitable[T]], outcome: Callable[[T], str]
    ) -> Deferred[T]:
        """Write down what is about to be done, do it, and write down what came of it, whoever stops waiting for it.

        @param outcome: says it of the result; an error speaks for itself.
        """
        return shielded(Deferred.fromCoroutine(self._recorded(by, what, subject, work, outcome)))

    async def begin(self, by: Actor, what: str, subject: str, tasks: int | None = None) -> str:
        """Write down what is about to be done.

        @param tasks: to how many tasks, when they are many.
        @return: the key to its entry.
        """
        key = self._world.new_id()
        entry = AuditEntry(self._world.now(), by, what, subject, BEGUN, key, tasks)
        await self._world.database.commit(BeginAudit(entry))
        return key

    def ended(self, key: str, outcome: str) -> EndAudit:
        """What has to be written when it is over."""
        return EndAudit(key, outcome, self._world.now())

    async def find(
        self, wanted: AuditQuery, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, AuditEntry]]:
        """Who did what, the newest first, with numbers.

        @param before: the number of the last entry of the page before.
        """
        return await self._world.database.query(lambda tx: audit.page(tx, wanted, before, limit), patient=True)

    async def _recorded(
        self, by: Actor, what: str, subject: str, work: Callable[[], Awaitable[T]], outcome: Callable[[T], str]
    ) -> T:
        key = await self.begin(by, what, subject)
        try:
            result = await work()
        except CancelledError:
            raise
        except Exception as error:
            text = str(error) if isinstance(error, SmartdynError) else f"It failed: {type(error).__name__}: {error}"
            await self._world.database.commit(self.ended(key, text))
            raise
        await self._world.database.commit(self.ended(key, outcome(result)))
        return result
