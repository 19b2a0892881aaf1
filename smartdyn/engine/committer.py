"""Commits the units of one plan in their order and then lets their effects happen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from smartdyn.aio import Spawner
from smartdyn.engine.unit import Unit
from smartdyn.store.persistence import Persistence

Rejected: TypeAlias = Callable[[Unit, Exception], None]


class Committer:
    """The way of one plan's changes to the database."""

    _log = Logger()

    def __init__(self, plan_id: str, persistence: Persistence, spawner: Spawner) -> None:
        self._plan_id = plan_id
        self._persistence = persistence
        self._spawner = spawner
        self._units: deque[Unit] = deque()
        self._busy = False

    def commit(self, unit: Unit, rejected: Rejected) -> None:
        """Commit C{unit} after those before it; its effects happen when it is durable.

        @param rejected: called when the database refuses a unit for good; what was to come after it is dropped. It is
            kept only while there is something to commit: a plan that is over should go without the garbage collector.
        """
        self._units.append(unit)
        if not self._busy:
            self._busy = True
            self._spawner.spawn("committing a plan's progress", self._drain(rejected))

    async def _drain(self, rejected: Rejected) -> None:
        try:
            while self._units:
                unit = self._units.popleft()
                writes = unit.writes
                if writes:
                    try:
                        await self._persistence.persist(writes)
                    except CancelledError:
                        raise
                    except Exception as error:
                        self._dismiss([unit, *self._units])
                        rejected(unit, error)
                        return
                unit.committed()
                for effect in unit.effects:
                    try:
                        effect()
                    except Exception:
                        self._log.failure("an effect of a committed step failed")
        finally:
            self._busy = False

    def _dismiss(self, units: list[Unit]) -> None:
        self._units.clear()
        for unit in units:
            unit.dismiss(self._plan_id)
