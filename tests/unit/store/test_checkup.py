"""What can be wrong with a database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.secret import Secret
from smartdyn.store.checkup import Checkup, examine
from smartdyn.store.vault import KEY_SIZE, Vault
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run


class CheckupTests(SynchronousTestCase):
    """L{examine}."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.key_file = Path(self.mktemp())
        self.database = database_at(self.path)
        self.addCleanup(lambda: done(self.database.close()))
        self.engine = Engine((PrintingJob,), database=self.database)
        self.engine.vault = self.engine.world.vault = Vault.open(self.key_file)
        self.task = run(self.engine, printed="some words", status=1, host="web1", password=Secret("hunter2"))
        self.waiting = run(self.engine, host="web2", password=Secret("hunter2"))
        done(self.engine.digester.digest())

    def change(self, *statements: str, **values: Any) -> None:
        """Do something to the database that nobody should do."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            for statement in statements:
                connection.execute(statement, values)

    def look(self) -> Checkup:
        """Examine it."""
        return examine(self.path, self.key_file)

    def assert_says(self, text: str) -> None:
        """There is one problem, and it is this one."""
        problems = self.look().problems
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(text, problems[0])

    def test_a_sound_one(self) -> None:
        """There is nothing to say, but what it is."""
        found = self.look()
        self.assertEqual(found.problems, ())
        self.assertEqual(found.tasks, 2)
        self.assertGreater(found.size, 10_000)

    def test_orphans(self) -> None:
        """Steps, output and callbacks without their action, an action without its step."""
        self.change("UPDATE steps SET action_id = 7 WHERE plan_id = :id AND id = 2", id=self.task)
        self.assert_says(f"step 2 of task {self.task} belongs to no action")
        self.change("UPDATE steps SET action_id = 1 WHERE plan_id = :id", id=self.task)
        self.change("UPDATE actions SET plan_step_id = 9 WHERE plan_id = :id", id=self.task)
        self.assert_says("has lost its first step")
        self.change("UPDATE actions SET plan_step_id = 1 WHERE plan_id = :id", id=self.task)
        self.change("UPDATE output_chunks SET action_id = 7 WHERE plan_id = :id", id=self.task)
        self.assert_says(f"the output of action 7 of task {self.task}")

    def test_rows_without_their_task(self) -> None:
        """Foreign keys are looked at."""
        self.change("UPDATE output_chunks SET plan_id = 'gone'")
        problems = self.look().problems
        self.assertIn("of output_chunks refers to nothing in plans", problems[0])

    def test_secrets_that_should_be_gone(self) -> None:
        """A task that is over has no passwords."""
        self.change("UPDATE sealed_secrets SET plan_id = :id", id=self.task)
        problems = self.look().problems
        self.assertIn(f"task {self.task} has ended, and passwords of it are still there", problems)

    def test_names(self) -> None:
        """A host or a label that no search finds."""
        self.change("DELETE FROM plan_names WHERE name = 'web1'")
        self.assert_says("searches do not find the host web1")

    def test_the_index_of_words(self) -> None:
        """It has the output of each task that is there, and of no other; its pages can be read."""
        self.change("UPDATE digests SET id = 1000")
        problems = self.look().problems
        self.assertIn("the index of words has the output of a task that is gone (row 1)", problems)
        self.assertIn(f"the index of words does not have the output of task {self.task}", problems)
        self.change("UPDATE digests SET id = 1", "UPDATE output_words_data SET block = x'00ffff' WHERE id > 10")
        self.assert_says("the index of words is damaged")

    def test_the_schema(self) -> None:
        """Of an older or newer version."""
        self.change("PRAGMA user_version = 999")
        self.assert_says("has schema 999")

    def test_a_missing_key(self) -> None:
        """Is worse while passwords wait for it."""
        self.key_file.unlink()
        self.assert_says("is missing; bring back its copy")
        self.change("DELETE FROM sealed_secrets")
        self.assert_says("is missing; the service makes another one")
        self.assertFalse(self.key_file.exists())

    def test_a_wrong_key(self) -> None:
        """Another key, a short one, and one that others can read."""
        self.key_file.write_bytes(b"x" * KEY_SIZE)
        self.assert_says("is not the one that the passwords in the database were encrypted with")
        self.key_file.write_bytes(b"x")
        self.assert_says("is damaged: it must hold 32 bytes")
        self.key_file.chmod(0o644)
        self.assert_says("can be read by others. Run: chmod 600")

    def test_damage(self) -> None:
        """Is found before anything else is asked."""
        self.change("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
        data = bytearray(self.path.read_bytes())
        data[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
        self.path.write_bytes(data)
        self.assertTrue(self.look().problems)

    def test_no_database(self) -> None:
        """One that is missing is a problem, and is not made."""
        path = Path(self.mktemp())
        self.assertIn("There is no database", examine(path, self.key_file).problems[0])
        self.assertFalse(path.exists())
