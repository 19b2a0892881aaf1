"""What a database file says of itself, read beside the service or without it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from smartdyn.errors import StoreError
from smartdyn.model.overview import CallbackBacklog
from smartdyn.store import insight
from smartdyn.store.migrate import is_foreign

_STATEMENTS_BETWEEN_LOOKS = 50_000
_BUSY_LIMIT = 1.0
_WAITING = """
    SELECT count(*), min(created_at) FROM plans INDEXED BY plans_by_state WHERE state = ? AND created_at <= ?
"""
_EARLY_STATES = ("pending", "planning", "planned")


@dataclass(frozen=True, slots=True)
class Tasks:
    """Tasks that do not get on.

    @param paused: they wait for somebody.
    @param oldest_paused: when the first of them was made.
    @param not_begun: for an hour and more, although nothing keeps them.
    """

    paused: int
    oldest_paused: float | None
    not_begun: int


def schema(path: Path) -> int:
    """The number of the schema.

    @raise StoreError: the file cannot be read as a database.
    """
    with _reading(path) as cursor:
        return int(cursor.execute("PRAGMA user_version").fetchone()[0])


def foreign(path: Path) -> bool:
    """Is it the database of another program?

    @raise StoreError: the file cannot be read as a database.
    """
    with _reading(path) as cursor:
        return is_foreign(cursor.connection)


def sound(path: Path, seconds: float) -> list[str] | None:
    """What is wrong with the file; None when there was no time to look at all of it.

    @raise StoreError: the file cannot be read as a database.
    """
    until = time.monotonic() + seconds
    with _reading(path, lambda: time.monotonic() > until) as cursor:
        try:
            found = [row[0] for row in cursor.execute("PRAGMA quick_check(10)")]
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                return None
            raise
    lines = "\n".join(found).splitlines()
    return [line for line in lines if line != "ok" and not line.startswith("***")]


def backlog(path: Path) -> CallbackBacklog:
    """What Foreman is still to be told.

    @raise StoreError: the file cannot be read as a database.
    """
    with _reading(path) as cursor:
        return insight.backlog(cursor)


def waiting(path: Path, now: float) -> Tasks:
    """What does not get on.

    @raise StoreError: the file cannot be read as a database.
    """
    with _reading(path) as cursor:
        paused, oldest = cursor.execute(_WAITING, ("paused", now)).fetchone()
        early = [cursor.execute(_WAITING, (state, now - 3600)).fetchone()[0] for state in _EARLY_STATES]
    return Tasks(paused, oldest, sum(early))


@contextmanager
def _reading(path: Path, interrupted: Callable[[], bool] | None = None) -> Iterator[sqlite3.Cursor]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_LIMIT)) as database:
            if interrupted is not None:
                database.set_progress_handler(interrupted, _STATEMENTS_BETWEEN_LOOKS)
            yield database.cursor()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: {error}") from error
