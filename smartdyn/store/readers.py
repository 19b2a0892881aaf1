"""Reads from the database: those that come together are done together.

A trip to a thread and back costs more than most queries; while one is under way, others wait and share the next.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smartdyn.errors import TooSlow

T = TypeVar("T")
Reader = Callable[[sqlite3.Cursor], Any]

MOST = 32
"""Queries in one trip: with more, the first would wait for the last."""

_STEPS = 10_000
"""Steps of SQLite's machine after which it is asked whether time is up: about a millisecond."""


class Readers:
    """A connection that reads.

    More of them at the same time would only take the interpreter's lock away from each other.
    """

    def __init__(
        self,
        pool: adbapi.ConnectionPool,
        clock: IReactorTime,
        took: Callable[[float], object],
        *,
        most: int = MOST,
        limit: float | None = None,
    ) -> None:
        """
        @param took: told how long a trip took, in seconds.
        @param most: queries in one trip; none is answered before all are.
        @param limit: seconds after which a query is given up.
        """
        self._pool = pool
        self._clock = clock
        self._took = took
        self._most = most
        self._limit = limit
        self._busy = False
        self._begun = 0.0
        self._waiting: deque[tuple[Reader, Deferred[Any]]] = deque()

    def query(self, reader: Callable[[sqlite3.Cursor], T]) -> Deferred[T]:
        """What C{reader} returns, called with a cursor on a view that has all that was committed before.

        @raise TooSlow: as a failure, after C{limit}.
        """
        asked: Deferred[T] = Deferred(_ignore_cancel)
        self._waiting.append((reader, asked))
        self._go()
        return asked

    @property
    def is_busy(self) -> bool:
        """Is it reading?"""
        return self._busy

    @property
    def busy_for(self) -> float:
        """Seconds for which it has been reading, 0 when it is not."""
        return self._clock.seconds() - self._begun if self._busy else 0.0

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Answer nothing more."""
        self._pool.close()

    def _go(self) -> None:
        if not self._busy and self._waiting:
            self._busy = True
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            self._begun = self._clock.seconds()
            trip: Deferred[Any] = self._pool.runWithConnection(_read, [reader for reader, _ in batch], self._limit)
            trip.addBoth(self._back, [asked for _, asked in batch])

    def _back(self, results: Any, askers: Sequence[Deferred[Any]]) -> None:
        self._busy = False
        self._took(self._clock.seconds() - self._begun)
        answers = [results] * len(askers) if isinstance(results, Failure) else results
        self._go()
        for asked, answer in zip(askers, answers, strict=True):
            if not asked.called:
                asked.callback(answer)


def _read(connection: Any, readers: Sequence[Reader], limit: float | None) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    try:
        return [_answer(connection, cursor, reader, limit) for reader in readers]
    finally:
        cursor.execute("COMMIT")
        cursor.close()


def _answer(connection: Any, cursor: sqlite3.Cursor, reader: Reader, limit: float | None) -> Any:
    if limit is not None:
        until = monotonic() + limit
        connection.set_progress_handler(lambda: monotonic() > until, _STEPS)
    try:
        return reader(cursor)
    except sqlite3.OperationalError as error:
        interrupted = error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT and limit is not None
        return Failure(TooSlow(limit or 0.0)) if interrupted else Failure()
    except Exception:
        return Failure()
    finally:
        if limit is not None:
            connection.set_progress_handler(None, 0)


def _ignore_cancel(asked: Deferred[Any]) -> None:
    """Whoever no longer waits is told so by Twisted."""
