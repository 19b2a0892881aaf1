"""A database file that is read beside the service that owns it, or without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from smartdyn.errors import StoreError
from smartdyn.store.migrate import migrations

_BUSY_LIMIT = 10.0
"""Seconds for which a lock of another process is waited for."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Cursor]:
    """A connection that cannot write; C{BEGIN} is for whoever wants one view of several statements.

    @raise StoreError: the file cannot be read as a database, or becomes so while it is read; the text says what to do.
    """
    if not path.exists():
        raise StoreError(f"There is no database {path}.")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_LIMIT, isolation_level=None)
        ) as connection:
            yield connection.cursor()
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"The database {path} cannot be read: {error}. Run this as root or as the service's account."
        ) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"The database {path} is damaged: {error}. Restore a backup.") from error


def schema(tx: sqlite3.Cursor) -> int:
    """The number of its schema."""
    return int(tx.execute("PRAGMA user_version").fetchone()[0])


def require_schema(tx: sqlite3.Cursor, path: Path) -> None:
    """
    @raise StoreError: it is of another version.
    """
    found, known = schema(tx), migrations()[-1].number
    if found < known:
        raise StoreError(
            f"The database {path} has schema {found}, and this version works with {known}: start the service once, "
            "which brings it up to date."
        )
    if found > known:
        raise StoreError(
            f"The database {path} has schema {found}, but this version of smartdyn knows only {known}. "
            "Use the newer version."
        )
