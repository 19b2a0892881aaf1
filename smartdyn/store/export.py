"""Writes the tasks that a search finds, one line for each, out of a database that may be in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from smartdyn.model.order import NEWEST, Place
from smartdyn.model.query import TaskQuery
from smartdyn.store import archive, listing
from smartdyn.store.beside import reading, require_schema

_AT_ONCE = 20
"""Tasks in one view of the database: while it lasts, the service cannot use its log anew, which grows."""


def export(path: Path, wanted: TaskQuery, write: Callable[[str], object]) -> int:
    """Give C{write} the lines in pieces, the newest task first. Each task is as it was at one moment.

    Tasks that begin meanwhile are left out, and so are those that are deleted before it is their turn.

    @return: how many tasks these were.
    @raise smartdyn.errors.StoreError: the database cannot be read.
    """
    written = 0
    before: Place | None = None
    with reading(path) as tx:
        require_schema(tx, path)
        while True:
            tx.execute("BEGIN")
            before, count = _some(tx, wanted, before, write)
            tx.execute("COMMIT")
            written += count
            if before is None:
                return written


def _some(
    tx: sqlite3.Cursor, wanted: TaskQuery, before: Place | None, write: Callable[[str], object]
) -> tuple[Place | None, int]:
    """Write some tasks; where the next begin, None when there are no more, and how many these were."""
    found = listing.page(tx, wanted, before=before, limit=_AT_ONCE)
    for task in found:
        for piece in archive.line(tx, task.id):
            write(piece)
    last = found[-1] if len(found) == _AT_ONCE else None
    return (None if last is None else NEWEST.place_of(last)), len(found)
