"""The database: one writer with group commit, and readers beside it.

Stock adbapi with sqlite3 loses updates without a word, since sqlite3 begins a transaction at the first write and not
at the first read. Here all writes go through one connection, in an explicit C{BEGIN IMMEDIATE}; the units that wait
while one commit is under way are committed together in the next, each behind a savepoint of its own. So durability
(C{synchronous=FULL}) costs one fsync for many units.
"""

from __future__ import annotations

import abc
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from twisted.enterprise import adbapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.aio import deadline, sleep
from smartdyn.errors import StoreError, WriteRefused
from smartdyn.metrics.database import DatabaseMeters
from smartdyn.store.integrity import ensure_sound
from smartdyn.store.migrate import migrate
from smartdyn.store.ownership import Ownership
from smartdyn.store.readers import MOST, Readers

T = TypeVar("T")

_MOST_UNITS = 200
"""Units in one commit: more would make the callbacks that follow block the reactor for too long."""

_BUSY_RETRY = 0.2
_BUSY_LIMIT = 30.0
"""Seconds between attempts, and until giving up, when another process holds the database locked."""

_CLOSE_LIMIT = 30.0

_PATIENCE = 15.0
"""Seconds after which a query that takes its time is given up: others wait behind it."""


class Write(Protocol):
    """Something to be written: a frozen dataclass that knows its SQL."""

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Do it; an exception undoes the whole unit."""


class Database(abc.ABC):
    """What the rest of the service sees of a database."""

    def __init__(self) -> None:
        """
        @ivar version: another number after each commit, before anybody is told of it: what was read before and is
            needed again needs no reading as long as this is the same.
        """
        self.version = 0
        self._watchers: list[Deferred[None]] = []

    def changed(self) -> Deferred[None]:
        """Fires after the next commit, or when the database is closed."""
        watcher: Deferred[None] = Deferred(self._watchers.remove)
        self._watchers.append(watcher)
        return watcher

    def _announce(self) -> None:
        """Tell those who wait for a change; each looks for itself what it was."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.callback(None)

    @abc.abstractmethod
    def commit(self, *writes: Write) -> Deferred[None]:
        """Write all of C{writes} or none; fires when they are durable.

        Units become visible in the order of the calls. Cancelling the Deferred does not undo anything.

        @raise StoreError: as a failure, when the database cannot write. What a write itself raises comes as it is.
        """

    @abc.abstractmethod
    def query(self, reader: Callable[[sqlite3.Cursor], T], *, patient: bool = False) -> Deferred[T]:
        """What C{reader} returns, called with a cursor on a consistent view that has all that was committed before.

        @param patient: it takes its time, so nobody who has none should have to wait for it.
        @raise smartdyn.errors.TooSlow: as a failure: it is C{patient} and takes too much.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Finish what waits to be written, and let go of the file."""


class Unit:
    """Writes that belong together, and who waits for them."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.writes = writes
        self.done: Deferred[None] = Deferred(_ignore_cancel)


def _ignore_cancel(done: Deferred[None]) -> None:
    """Whoever no longer waits is told so by Twisted; the unit is committed all the same."""


def commit_units(connection: sqlite3.Connection, units: Sequence[Unit]) -> list[Failure | None]:
    """Commit C{units} together.

    @return: for each, the failure that undid it, or None.
    @raise sqlite3.Error: nothing could be committed.
    """
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    try:
        results = [_apply(cursor, unit) for unit in units]
        cursor.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            cursor.execute("ROLLBACK")
        raise
    return results


def _apply(cursor: sqlite3.Cursor, unit: Unit) -> Failure | None:
    cursor.execute("SAVEPOINT unit")
    failure: Failure | None = None
    try:
        for write in unit.writes:
            write.apply(cursor)
    except sqlite3.OperationalError:
        raise
    except Exception as error:
        failure = Failure(WriteRefused(f"{type(error).__name__}: {error}") if _is_ours(error) else error)
        cursor.execute("ROLLBACK TO unit")
    cursor.execute("RELEASE unit")
    return failure


def _is_ours(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error)


def configure(connection: Any) -> None:
    """The settings of a connection that writes."""
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=5000",
        "secure_delete=ON",
        # No pages of ours in files of other folders, and no end of work when those have no room
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


class SqliteDatabase(Database):
    """A database file."""

    _log = Logger()

    def __init__(self, reactor: Any, path: Path, meters: DatabaseMeters | None = None) -> None:
        """
        @param reactor: provides time and threads.
        @ivar trouble: why the last commit failed; None when it did not.
        """
        super().__init__()
        self._reactor = reactor
        self._meters = meters or DatabaseMeters()
        self.path = path
        self._ownership = Ownership(path)
        self._waiting: deque[Unit] = deque()
        self._busy = False
        self._idle: list[Deferred[None]] = []
        self._writer: adbapi.ConnectionPool | None = None
        self._readers: Readers | None = None
        self._patient: Readers | None = None
        self._writing_since: float | None = None
        self.commits = 0
        self.trouble: str | None = None

    @property
    def queued(self) -> int:
        """How many units wait to be written."""
        return len(self._waiting)

    def readers(self) -> dict[str, Readers]:
        """Those who read, by name."""
        found = {"quick": self._readers, "patient": self._patient}
        return {name: readers for name, readers in found.items() if readers is not None}

    @property
    def writing_for(self) -> float:
        """Seconds for which the present commit has been under way, 0 when there is none."""
        return 0.0 if self._writing_since is None else float(self._reactor.seconds()) - self._writing_since

    @property
    def reading_for(self) -> float:
        """Seconds for which the longest of the present trips to a reader has been under way, 0 when there is none."""
        return max((readers.busy_for for readers in self.readers().values()), default=0.0)

    def open(self) -> None:
        """Take the file, bring its schema up to date and begin to work.

        @raise smartdyn.errors.DatabaseInUse: another process has it.
        @raise StoreError: it cannot be used; the text says why.
        """
        self._ownership.acquire()
        try:
            migrate(self.path)
            ensure_sound(self.path)
            self._writer = self._pool(1, str(self.path), configure)
            target = f"{self.path.absolute().as_uri()}?mode=ro"
            self._readers = self._make_readers(target, "quick")
            self._patient = self._make_readers(target, "patient", most=1, limit=_PATIENCE)
        except BaseException:
            self._ownership.release()
            raise

    def commit(self, *writes: Write) -> Deferred[None]:
        unit = Unit(writes)
        if self._writer is None:
            unit.done.errback(StoreError("the database is closed"))
            return unit.done
        self._waiting.append(unit)
        self._kick()
        return unit.done

    def query(self, reader: Callable[[sqlite3.Cursor], T], *, patient: bool = False) -> Deferred[T]:
        readers = self._patient if patient else self._readers
        if readers is None:
            closed: Deferred[T] = Deferred()
            closed.errback(StoreError("the database is closed"))
            return closed
        return readers.query(reader)

    async def close(self) -> None:
        if self._busy or self._waiting:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await deadline(self._reactor, _CLOSE_LIMIT, "writing what is left", idle)
        pools = self._readers, self._patient, self._writer
        self._readers = self._patient = self._writer = None
        for pool in pools:
            if pool is not None:
                pool.close()
        self._ownership.release()
        self._announce()

    def _make_readers(self, target: str, name: str, *, most: int = MOST, limit: float | None = None) -> Readers:
        took = self._meters.read_seconds.labels(name).observe
        return Readers(self._pool(1, target, _configure_reader), self._reactor, took, most=most, limit=limit)

    def _pool(self, size: int, target: str, openfun: Callable[[Any], None]) -> adbapi.ConnectionPool:
        pool = adbapi.ConnectionPool(
            "sqlite3",
            target,
            check_same_thread=False,
            isolation_level=None,
            uri=target.startswith("file:"),
            cp_min=1,
            cp_max=size,
            cp_openfun=openfun,
            cp_reactor=self._reactor,
        )
        pool.start()
        return pool

    def _kick(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        Deferred.fromCoroutine(self._drain()).addErrback(self._stuck)

    async def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_MOST_UNITS, len(self._waiting)))]
            try:
                results = await self._commit_batch(batch)
            except CancelledError:
                raise
            except Exception as error:
                self._meters.errors.labels("failed").inc()
                self.trouble = f"The database {self.path} cannot be written: {error}"
                results = [Failure(StoreError(self.trouble))] * len(batch)
            else:
                self.trouble = None
            self.version += 1
            for unit, failure in zip(batch, results, strict=True):
                if failure is not None and failure.check(WriteRefused):
                    self._meters.errors.labels("refused").inc()
                _fire(unit, failure)
            self._announce()
        self._busy = False
        idle, self._idle = self._idle, []
        for waiting in idle:
            waiting.callback(None)

    async def _commit_batch(self, batch: Sequence[Unit]) -> list[Failure | None]:
        """Commit a batch, waiting for another process (a backup, say) to let go of the file."""
        begun = self._reactor.seconds()
        while True:
            self._writing_since = self._reactor.seconds()
            try:
                assert self._writer is not None
                results: list[Failure | None] = await self._writer.runWithConnection(commit_units, batch)
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                self._meters.errors.labels("locked").inc()
                if self._reactor.seconds() - begun >= _BUSY_LIMIT:
                    raise
                self._log.warn("the database is locked by another process, trying again")
            else:
                self.commits += 1
                self._meters.commit_seconds.observe(self.writing_for)
                self._meters.commit_units.observe(len(batch))
                return results
            finally:
                self._writing_since = None
            await sleep(self._reactor, _BUSY_RETRY)

    def _stuck(self, failure: Failure) -> None:
        self._busy = False
        self._log.failure("the database writer failed", failure=failure)
        self._kick()


def _configure_reader(connection: Any) -> None:
    connection.execute("PRAGMA busy_timeout=5000")


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _fire(unit: Unit, failure: Failure | None) -> None:
    if unit.done.called:
        return
    if failure is None:
        unit.done.callback(None)
    else:
        unit.done.errback(failure)
