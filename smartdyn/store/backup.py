"""Copies of a database, made while it is in use, and checks that one is sound."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from smartdyn.errors import StoreError

_PAGES = 2_000
"""Pages copied at a time: between two times the service can write."""


def backup(source: Path, target: Path) -> None:
    """Copy a database to a new file. The copy is what the database was at one moment, and it is sound.

    @raise StoreError: there is no such database, or the copy cannot be made; then there is no file either.
    """
    if not source.exists():
        raise StoreError(f"There is no database {source}.")
    try:
        descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise StoreError(f"{target} exists already. Name a file that does not.") from None
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}.") from error
    os.close(descriptor)
    try:
        _copy(source, target)
        if problems := check(target):
            raise StoreError(f"The copy of {source} is damaged: {problems[0]}. Check the database itself.")
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, (sqlite3.Error, OSError)):
            raise StoreError(f"{source} cannot be copied: {error}.") from error
        raise


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
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        reader.backup(writer, pages=_PAGES, sleep=0.01)
        writer.execute("PRAGMA journal_mode=DELETE")
    with target.open("rb") as copied:
        os.fsync(copied.fileno())
