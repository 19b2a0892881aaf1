"""Finds out why plans failed and puts their output into the index, after they stopped: jobs do not wait for it."""

from __future__ import annotations

import sqlite3

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner, sleep
from smartdyn.model.causes import why
from smartdyn.model.states import FAILURES
from smartdyn.store import digests, evidence, plans
from smartdyn.store.database import Database
from smartdyn.store.digests import SaveDigest

_log = Logger()

_BATCH = 25
"""Plans in one transaction: what jobs write waits for it."""

_PAUSE = 2.0
"""Seconds between looks; whoever needs to know now calls L{Digester.digest}."""

_MOST_AT_ONCE = 10
"""Batches between two pauses: after an upgrade there may be a million plans to look at."""


class Digester(Service):
    """Looks every other second whether plans have stopped."""

    def __init__(self, clock: IReactorTime, database: Database) -> None:
        self._clock = clock
        self._database = database
        self.spawner = Spawner(clock)

    def startService(self) -> None:
        super().startService()
        self.spawner.spawn("looking at tasks that are over", self._run())

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self.spawner.stop()

    async def digest(self, batches: int = 1) -> int:
        """Look at plans that have stopped, the oldest first.

        @param batches: with which it is enough; whoever waits for a page waits for one only.
        @return: how many plans that were.
        """
        looked_at = 0
        for _ in range(batches):
            found = await self._database.query(_digests, patient=True)
            if found:
                await self._database.commit(*found)
            looked_at += len(found)
            if len(found) < _BATCH:
                break
        return looked_at

    async def _run(self) -> None:
        while True:
            more = False
            try:
                more = await self.digest(_MOST_AT_ONCE) >= _BATCH * _MOST_AT_ONCE
            except CancelledError:
                raise
            except Exception:
                _log.failure("tasks that are over could not be looked at, trying again in {pause} s", pause=_PAUSE)
            await sleep(self._clock, _PAUSE / 20 if more else _PAUSE)


def _digests(tx: sqlite3.Cursor) -> list[SaveDigest]:
    return [_digest(tx, plan_id, result) for plan_id, result in digests.pending(tx, _BATCH)]


def _digest(tx: sqlite3.Cursor, plan_id: str, result: str) -> SaveDigest:
    """One that cannot be read is passed over for good: it must not keep the others from being found."""
    try:
        return SaveDigest(plan_id, _cause(tx, plan_id) if result in FAILURES else None, digests.text(tx, plan_id))
    except sqlite3.Error:
        raise
    except Exception:
        _log.failure("task {plan_id} cannot be read, so it is not found by its cause and output", plan_id=plan_id)
        return SaveDigest(plan_id, None, "")


def _cause(tx: sqlite3.Cursor, plan_id: str) -> str:
    return why(evidence.of_plan(tx, plans.load_whole(tx, plan_id))).key
