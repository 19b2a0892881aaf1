"""Brings a database to the schema that this version needs.

The schema is a series of numbered files; C{PRAGMA user_version} holds the number of the last one applied.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from smartdyn.errors import StoreError
from smartdyn.store.backup import backup


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a schema to the next."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations of this version, in order."""
    found = []
    for entry in files("smartdyn.store").joinpath("schema").iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, entry.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


def migrate(path: Path) -> int:
    """Create the database file or bring it up to date.

    @return: the schema number it has now.
    @raise StoreError: it is newer than this version, damaged, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"The database {path} cannot be opened: {error.strerror}. Check `database` and its owner."
        ) from error
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        if is_foreign(connection):
            raise StoreError(
                f"{path} is the database of another program, such as Ruby's Dynflow. "
                "Set `database` to a file of its own."
            )
        connection.execute("PRAGMA journal_mode=WAL")
        _keep_former(connection, path)
        return apply(connection, migrations(), str(path))
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"The database {path} cannot be used: {error}. Restore a backup, or move the file away to begin anew."
        ) from error
    finally:
        connection.close()


def apply(connection: sqlite3.Connection, steps: Sequence[Migration], path: str) -> int:
    """Apply what is missing, each migration in a transaction of its own."""
    current = int(connection.execute("PRAGMA user_version").fetchone()[0])
    newest = steps[-1].number
    if current > newest:
        raise StoreError(
            f"The database {path} has schema {current}, but this version of smartdyn knows only {newest}. "
            "Install the newer version again, or restore the backup made before the upgrade."
        )
    for step in steps:
        if step.number > current:
            try:
                connection.executescript(f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    return newest


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Are there tables, and no number of a schema of ours?"""
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return number == 0 and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _keep_former(connection: sqlite3.Connection, path: Path) -> None:
    """Copy a database that is to be changed, so that the version before this one can be installed again."""
    current = int(connection.execute("PRAGMA user_version").fetchone()[0])
    former = path.with_name(f"{path.name}.schema-{current}")
    if 0 < current < migrations()[-1].number and not former.exists():
        backup(path, former)
