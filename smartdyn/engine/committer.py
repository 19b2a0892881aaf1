"""Commits what must not be lost, however long the database needs.

A full disk or a locked database is no reason to forget what has happened: the same writes are tried again until they
are in. What depends on them waits meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner, sleep
from smartdyn.engine.unit import Unit
from smartdyn.errors import StoreError
from smartdyn.store.database import Database, Write

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0


class Persistence:
    """Writes to the database, again and again where needed."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, database: Database) -> None:
        self._clock = clock
        self._database = database

    async def persist(self, writes: Sequence[Write]) -> None:
        """Commit C{writes} as one unit.

        Errors of the writes themselves (a conflict, say) are raised; those of the database are waited out.
        """
        delay = _FIRST_DELAY
        while True:
            try:
                await self._database.commit(*writes)
                return
            except StoreError as error:
                self._log.error(
                    "cannot write to the database, trying again in {delay} s: {error}", delay=delay, error=error
                )
            await sleep(self._clock, delay)
            delay = min(delay * 2, _LONGEST_DELAY)


class Committer:
    """Commits the units of one plan in their order and then lets their effects happen."""

    _log = Logger()

    def __init__(self, persistence: Persistence, spawner: Spawner) -> None:
        self._persistence = persistence
        self._spawner = spawner
        self._units: deque[Unit] = deque()
        self._busy = False

    def commit(self, unit: Unit) -> Deferred[None]:
        """Fires when C{unit} is durable and its effects have been set in motion."""
        done: Deferred[None] = Deferred()
        unit.after(lambda: done.callback(None))
        self._units.append(unit)
        if not self._busy:
            self._busy = True
            self._spawner.spawn("committing a plan's progress", self._drain())
        return done

    async def _drain(self) -> None:
        try:
            while self._units:
                unit = self._units.popleft()
                writes = unit.writes
                if writes:
                    await self._persistence.persist(writes)
                for effect in unit.effects:
                    try:
                        effect()
                    except Exception:
                        self._log.failure("an effect of a committed step failed")
        finally:
            self._busy = False
