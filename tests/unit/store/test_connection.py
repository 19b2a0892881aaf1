"""How a connection that writes is set up."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.store.database import configure


def open_files() -> Iterator[str]:
    """What this process has open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            yield os.readlink(descriptor)
        except FileNotFoundError:
            # It was there to list the others
            continue


class ConnectionTests(SynchronousTestCase):
    """L{configure}."""

    def test_all_files_are_beside_the_database(self) -> None:
        """What may have to be taken back is kept in memory: a full /tmp stops no task, and has nothing of ours."""
        path = Path(self.mktemp()).absolute()
        connection = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(connection.close)
        configure(connection)
        connection.execute("CREATE TABLE things (number INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO things (text) VALUES (?)", [("x" * 3000,)] * 200)
        before = set(open_files())
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SAVEPOINT unit")
        connection.execute("UPDATE things SET text = text || 'y'")
        more = set(open_files()) - before
        connection.execute("ROLLBACK")
        self.assertEqual([name for name in more if not name.startswith(str(path))], [])
