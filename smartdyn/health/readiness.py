"""How what the service needs is, and whether it can do its work with that."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smartdyn.aio import deadline
from smartdyn.engine.intake import Intake
from smartdyn.errors import DeadlineExceeded, Draining, SmartdynError
from smartdyn.foreman.outbox import Outbox
from smartdyn.health import moving
from smartdyn.model.overview import HealthItem
from smartdyn.store import cleaning
from smartdyn.store.database import SqliteDatabase
from smartdyn.store.worlds import Touch
from smartdyn.web.expiry import CertificateWatch

_MEGABYTE: Final = 1024 * 1024
_LITTLE: Final = 500 * _MEGABYTE
"""Free bytes with which the disk is soon full."""

_FULL: Final = 20 * _MEGABYTE
"""Free bytes with which the next large output may fail."""

_ANSWER_LIMIT: Final = 5.0
"""Seconds for the database: whoever asks how we are does not wait much longer himself."""

_COMMIT_LIMIT: Final = 10.0
"""Seconds for one commit: as long as it is under way, nobody who sends work is answered."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Looks at everything; cheap enough to be asked every second.

    @param world_id: this life of the service.
    @param has_recovered: whether the unfinished tasks of earlier lives have been taken up.
    @param intake: whether new tasks are taken.
    """

    clock: IReactorTime
    database: SqliteDatabase
    outbox: Outbox
    watch: CertificateWatch
    world_id: str
    has_recovered: Callable[[], bool]
    intake: Intake

    async def look(self) -> list[HealthItem]:
        """All that is needed, whether it is as it should be or not."""
        return [
            self._recovery(),
            await self._database(),
            self._disk(),
            self._outbox(),
            self._certificates(),
            self._draining(),
        ]

    def _recovery(self) -> HealthItem:
        if self.has_recovered():
            return HealthItem("recovery", True, "Unfinished tasks go on.")
        return _problem("recovery", "The service is starting: unfinished tasks are being taken up.")

    async def _database(self) -> HealthItem:
        """Does it answer, and does it take what is written?"""
        writing = self.database.writing_for
        if writing > _COMMIT_LIMIT:
            return _problem("database", f"A commit has been under way for {writing:.0f} s. Check the disk.")
        try:
            size = await deadline(
                self.clock, _ANSWER_LIMIT, "the database's answer", Deferred.fromCoroutine(self._try_database())
            )
        except DeadlineExceeded:
            reason = self.database.trouble or "It may be locked by another process, or its disk hangs."
            return _problem("database", f"The database has not answered within {_ANSWER_LIMIT:g} s. {reason}")
        except SmartdynError as error:
            return _problem("database", str(error))
        return HealthItem("database", True, f"It answers and holds {size / _MEGABYTE:.1f} MB.")

    async def _try_database(self) -> int:
        """Its size; after a commit has failed, another one is tried before."""
        if self.database.trouble is not None:
            await self.database.commit(Touch(self.world_id))
        return await self.database.query(cleaning.size)

    def _disk(self) -> HealthItem:
        folder = self.database.path.parent
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return _problem("disk", f"{folder} cannot be looked at: {error.strerror}. Check its owner.")
        text = f"{free / _MEGABYTE:,.0f} MB are free in {folder}."
        if free >= _LITTLE:
            return HealthItem("disk", True, text)
        return HealthItem("disk", False, f"{text} Make room there.", blocks=free < _FULL)

    def _outbox(self) -> HealthItem:
        busy = self.outbox.busy_for
        if busy > moving.OUTBOX_LIMIT:
            return _problem("outbox", f"It has been busy with one thing for {busy:.0f} s. Restart the service.")
        return HealthItem("outbox", True, f"It moves; {self.outbox.under_way} requests to Foreman are under way.")

    def _certificates(self) -> HealthItem:
        problems, known = self.watch.problems(), len(self.watch.expiries())
        if problems:
            return _problem("certificates", " ".join(problems))
        return HealthItem("certificates", True, f"None of {known} has expired." if known else "There are none.")

    def _draining(self) -> HealthItem:
        if self.intake.drain is not None:
            return _problem("draining", str(Draining(self.intake.drain.by)))
        return HealthItem("draining", True, "New tasks are taken.")


def _problem(name: str, text: str) -> HealthItem:
    return HealthItem(name, False, text, blocks=True)
