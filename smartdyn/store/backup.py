"""Copies of a database, made while it is in use, and checks that one is sound."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from smartdyn.errors import StoreError
from smartdyn.files import fresh

_PAGES = 2_000
"""Pages copied at a time: between two times it can be interrupted."""

_LOOK = "SELECT count(*) FROM sqlite_master"


def backup(source: Path, target: Path) -> None:
    """Copy a database to a new file. The copy is what the database was at one moment, and it is sound.

    @raise StoreError: there is no such database, or it cannot be copied; then there is no copy.
    @raise smartdyn.errors.CannotWrite: the copy cannot be made.
    """
    if not source.exists():
        raise StoreError(f"There is no database {source}.")
    try:
        with fresh(target):
            _copy(source, target)
            if problems := check(target):
                raise StoreError(f"The copy of {source} is damaged: {problems[0]}. Check the database itself.")
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}.") from error


def check(path: Path, *, most: int = 10) -> list[str]:
    """What is wrong with a database file; nothing, if it is sound.

    @param most: so many problems are enough.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = [row[0] for row in connection.execute(f"PRAGMA quick_check({most})")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchmany(most)
    except sqlite3.DatabaseError as error:
        return [str(error)]
    problems = [text for text in found if text != "ok"]
    problems.extend(f"row {row} of {table} refers to nothing in {parent}" for table, row, parent, _ in broken)
    return problems


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        # SQLite begins the copy anew whenever somebody else has written, unless it reads one view of the source
        reader.execute("BEGIN")
        reader.execute(_LOOK).fetchone()
        reader.backup(writer, pages=_PAGES)
        writer.execute("PRAGMA journal_mode=DELETE")
