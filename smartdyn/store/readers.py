"""Reads from the database: those that come together are done together.

A trip to a thread and back costs more than most queries; while one is under way, others wait and share the next.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

T = TypeVar("T")
Reader = Callable[[sqlite3.Cursor], Any]

_MOST = 32
"""Queries in one trip: with more, the first would wait for the last."""


class Readers:
    """A connection that reads.

    More of them at the same time would only take the interpreter's lock away from each other.
    """

    def __init__(self, pool: adbapi.ConnectionPool, clock: IReactorTime, took: Callable[[float], object]) -> None:
        """
        @param took: told how long a trip took, in seconds.
        """
        self._pool = pool
        self._clock = clock
        self._took = took
        self._busy = False
        self._begun = 0.0
        self._waiting: deque[tuple[Reader, Deferred[Any]]] = deque()

    def query(self, reader: Callable[[sqlite3.Cursor], T]) -> Deferred[T]:
        """What C{reader} returns, called with a cursor on a view that has all that was committed before."""
        asked: Deferred[T] = Deferred(_ignore_cancel)
        self._waiting.append((reader, asked))
        self._go()
        return asked

    @property
    def is_busy(self) -> bool:
        """Is it reading?"""
        return self._busy

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
            batch = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            self._begun = self._clock.seconds()
            trip: Deferred[Any] = self._pool.runWithConnection(_read, [reader for reader, _ in batch])
            trip.addBoth(self._back, [asked for _, asked in batch])

    def _back(self, results: Any, askers: Sequence[Deferred[Any]]) -> None:
        self._busy = False
        self._took(self._clock.seconds() - self._begun)
        answers = [results] * len(askers) if isinstance(results, Failure) else results
        self._go()
        for asked, answer in zip(askers, answers, strict=True):
            if not asked.called:
                asked.callback(answer)


def _read(connection: Any, readers: Sequence[Reader]) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    try:
        return [_answer(cursor, reader) for reader in readers]
    finally:
        cursor.execute("COMMIT")
        cursor.close()


def _answer(cursor: sqlite3.Cursor, reader: Reader) -> Any:
    try:
        return reader(cursor)
    except Exception:
        return Failure()


def _ignore_cancel(asked: Deferred[Any]) -> None:
    """Whoever no longer waits is told so by Twisted."""
