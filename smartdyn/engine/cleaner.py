"""Deletes plans that are over: old ones, and the oldest when the database grows too large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner, sleep
from smartdyn.model.order import Place
from smartdyn.model.query import TaskQuery
from smartdyn.store import archive, audit, cleaning, pruning
from smartdyn.store.audit import ForgetAudit
from smartdyn.store.cleaning import DeletePlans
from smartdyn.store.database import Database

_BATCH = 100
"""Plans deleted in one transaction: jobs wait for it."""

_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long plans are kept.

    @param age: seconds since they ended; None means for ever.
    @param size: bytes that the database may have; None means any number.
    @param audit_age: seconds that it is known who did what; None means for ever.
    @param archive: where plans are written before they are deleted; None means nowhere.
    """

    age: float | None = 1800.0
    size: int | None = None
    archive: Path | None = None
    audit_age: float | None = None


class Cleaner(Service):
    """Looks for such plans once a minute, and more often when they are kept for a shorter time."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, now: Callable[[], float], database: Database, retention: Retention) -> None:
        """
        @ivar retention: may be replaced; it counts from the next look on.
        """
        self._clock = clock
        self._now = now
        self._database = database
        self.retention = retention
        self.spawner = Spawner(clock)

    def startService(self) -> None:
        super().startService()
        self.spawner.spawn("cleaning up", self._run())

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self.spawner.stop()

    async def clean(self) -> int:
        """Delete what is to be deleted now.

        @return: how many plans that were.
        """
        await self._forget_audit()
        deleted = 0
        if self.retention.age is not None:
            cutoff = self._now() - self.retention.age
            while batch := await self._delete(cutoff):
                deleted += batch
        while self.retention.size is not None and await self._database.query(cleaning.size) > self.retention.size:
            batch = await self._delete(self._now())
            if not batch:
                self._log.warn(
                    "the database is larger than it may be, and nothing in it is over: raise its limit of {size} bytes",
                    size=self.retention.size,
                )
                break
            deleted += batch
        if deleted:
            self._log.info("{count} tasks that were over have been deleted", count=deleted)
        return deleted

    async def prune(self, wanted: TaskQuery, cutoff: float, deleted: Callable[[int], object]) -> None:
        """Delete the tasks that a search finds, as far as they were over at C{cutoff} and nobody needs them.

        @param deleted: told how many are gone, again and again.
        """
        start: Place | None = None
        while True:
            found = await self._database.query(
                lambda tx, start=start: pruning.page(tx, wanted, cutoff, start),  # type: ignore[misc]
                patient=True,
            )
            await self._discard(found.plan_ids)
            deleted(len(found.plan_ids))
            if found.following is None:
                return
            start = found.following

    async def _run(self) -> None:
        while True:
            pause = min(_LONGEST_PAUSE, max(self.retention.age or _LONGEST_PAUSE, 1.0))
            try:
                await self.clean()
            except CancelledError:
                raise
            except Exception:
                self._log.failure("cleaning up failed, trying again in {pause} s", pause=pause)
            await sleep(self._clock, pause)

    async def _forget_audit(self) -> None:
        if self.retention.audit_age is not None:
            cutoff = self._now() - self.retention.audit_age
            if await self._database.query(lambda tx: audit.is_old(tx, cutoff)):
                await self._database.commit(ForgetAudit(cutoff))

    async def _delete(self, cutoff: float) -> int:
        found = await self._database.query(lambda tx: cleaning.over(tx, cutoff, _BATCH), patient=True)
        await self._discard(found)
        return len(found)

    async def _discard(self, found: Sequence[str]) -> None:
        """Delete these, which have to be in the archive first, if one is wanted."""
        if found and self.retention.archive is not None:
            folder, now = self.retention.archive, self._now()
            await self._database.query(lambda tx: archive.append(folder, archive.lines(tx, found), now), patient=True)
        if found:
            await self._database.commit(DeletePlans(found))
