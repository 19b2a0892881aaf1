"""A database file behind an engine in memory, for tests of what reads it beside the service."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from smartdyn.store.database import configure
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.migrate import migrate


def database_at(path: Path) -> MemoryDatabase:
    """A new one, written without threads."""
    migrate(path)
    connection = sqlite3.connect(path, isolation_level=None)
    configure(connection)
    return MemoryDatabase(connection)
