"""Is the database sound? Asked when the service starts, so that damage is found before it spreads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from smartdyn.errors import StoreError
from smartdyn.store import backup

_ALWAYS_UP_TO = 256 * 1024 * 1024
"""Bytes; a larger file is checked only after a life of the service that did not end in good order."""

_UNCLEAN = "SELECT stopped_at IS NULL FROM worlds ORDER BY started_at DESC LIMIT 1"


def ensure_sound(path: Path) -> None:
    """Check a database file that has its schema.

    @raise StoreError: it is damaged; the text says what to do.
    """
    if path.stat().st_size > _ALWAYS_UP_TO and not _ended_badly(path):
        return
    problems = backup.check(path, most=1)
    if problems:
        raise StoreError(
            f"The database {path} is damaged: {problems[0]}. Restore a backup, or move the file away to begin anew."
        )


def _ended_badly(path: Path) -> bool:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(_UNCLEAN).fetchone()
    return bool(row and row[0])
