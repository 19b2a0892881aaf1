"""Deleting what a search finds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import DatabaseInUse, StoreError
from smartdyn.model.audit import Actor, AuditEntry
from smartdyn.model.ids import random_id
from smartdyn.model.query import EVERYTHING, TaskQuery, parse
from smartdyn.store.ownership import Ownership
from smartdyn.store.pruning import Order, count, prune
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run


class PruneTests(SynchronousTestCase):
    """L{prune} and L{count}, beside an engine that stands still."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        database = database_at(self.path)
        self.addCleanup(lambda: done(database.close()))
        self.engine = Engine((PrintingJob,), database=database)
        self.tasks = []
        for number in range(250):
            self.tasks.append(run(self.engine, printed="x", status=number % 2, host=f"web{number % 10}"))
            self.engine.advance(1)
        self.now = self.engine.clock.seconds()

    def prune(self, wanted: TaskQuery = EVERYTHING, *, ago: float = 0, archive: Path | None = None) -> int:
        """What is deleted, which has to be what was counted."""
        counted = count(self.path, wanted, self.now - ago)
        entry = AuditEntry(self.now, Actor("alice", None, "command line"), "prune", "all", "begun", random_id())
        deleted = prune(self.path, Order(wanted, self.now - ago, archive, entry), lambda: self.now)
        self.assertEqual(deleted, counted)
        return deleted

    def left(self) -> list[str]:
        """The tasks that are there, in the order of their creation."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = {row[0] for row in connection.execute("SELECT id FROM plans")}
        return [task for task in self.tasks if task in found]

    def test_by_age(self) -> None:
        """Those that ended long enough ago, however many."""
        self.assertEqual(self.prune(ago=20.5), 230)
        self.assertEqual(self.left(), self.tasks[-20:])

    def test_by_a_search(self) -> None:
        """The others stay."""
        self.assertEqual(self.prune(parse("state:failed host:web3", self.now), ago=100), 15)
        self.assertEqual(len(self.left()), 235)
        self.assertEqual(self.prune(parse("state:running", self.now)), 0)

    def test_what_is_needed_stays(self) -> None:
        """What goes on is not deleted, however old it is."""
        self.tasks.append(run(self.engine, host="web1"))
        self.engine.advance(1000)
        self.now = self.engine.clock.seconds()
        self.assertEqual(self.prune(), 250)
        self.assertEqual(self.left(), self.tasks[-1:])

    def test_the_archive_comes_first(self) -> None:
        """Where deleted tasks are kept, these are too."""
        folder = Path(self.mktemp())
        self.prune(ago=240.5, archive=folder)
        (file,) = folder.iterdir()
        kept = [json.loads(line)["id"] for line in file.read_text().splitlines()]
        self.assertEqual(sorted(kept), sorted(self.tasks[:10]))

    def test_it_is_written_down(self) -> None:
        """Who did it, and what came of it."""
        self.prune(ago=240.5)
        with closing(sqlite3.connect(self.path)) as connection:
            row: Any = connection.execute("SELECT who, what, outcome, ended_at FROM audit").fetchone()
        self.assertEqual((row[0], row[1], row[3]), ("alice", "prune", self.now))
        self.assertIn("10 tasks were deleted that were over at 2026-", row[2])

    def test_a_service_that_runs(self) -> None:
        """Has the file to itself; counting beside it is possible."""
        owner = Ownership(self.path)
        owner.acquire()
        self.addCleanup(owner.release)
        self.assertEqual(count(self.path, EVERYTHING, self.now), 250)
        self.assertRaises(DatabaseInUse, self.prune)
        self.assertEqual(len(self.left()), 250)

    def test_the_file_can_be_used_afterwards(self) -> None:
        """Nothing of ours holds it."""
        self.prune(ago=240.5)
        owner = Ownership(self.path)
        owner.acquire()
        owner.release()

    def test_no_database(self) -> None:
        """Is not made, and another schema is not touched."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA user_version = 1")
        self.assertRaises(StoreError, self.prune)
        self.path = Path(self.mktemp())
        self.assertRaises(StoreError, self.prune)
        self.assertFalse(self.path.exists())
