"""Commits what must not be lost, however long the database needs.

A full disk or a locked database is no reason to forget what has happened: the same writes are tried again until they
are in. What depends on them waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.aio import sleep
from smartdyn.errors import StoreError, WriteRefused
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

        @raise WriteRefused: it can never be written. Likewise whatever the writes themselves raise (a conflict, say).
            Other errors of the database are waited out.
        """
        delay = _FIRST_DELAY
        while True:
            try:
                await self._database.commit(*writes)
                return
            except WriteRefused:
                raise
            except StoreError as error:
                self._log.error(
                    "cannot write to the database, trying again in {delay} s: {error}", delay=delay, error=error
                )
            await sleep(self._clock, delay)
            delay = min(delay * 2, _LONGEST_DELAY)
