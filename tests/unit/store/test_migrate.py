"""The way from every schema that ever was to the present one."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.engine.recovery import recover
from smartdyn.errors import StoreError
from smartdyn.store.database import configure
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.migrate import apply, migrate, migrations
from smartdyn.testing import done
from tests.support.engine import Engine

LANDED = {
    1: "b8d8550371632383",
    2: "2bfce6edc6b77d88",
    3: "453828de70c8b89f",
    4: "425626802bc88afc",
    5: "1ec849d2ea99ffda",
    6: "9abe73e5a6fb6ca3",
}
"""What each schema file said when it first was part of a version: it must say so for ever."""

PLANS = """
    INSERT INTO plans (id, label, state, result, root_plan_step_id, run_flow, finalize_flow, step_ids, created_at,
        started_at, history, owner)
    VALUES ('p', 'Rig::WaitForUpdate', 'running', 'pending', 1, '2', '["S"]', '[1,2]', 1.0, 1.0,
        '[[1,"start execution","w"]]', 'w');
    INSERT INTO steps (plan_id, id, kind, action_id, action_class, state) VALUES
        ('p', 1, 'PLAN', 1, 'Rig::WaitForUpdate', 'success'), ('p', 2, 'RUN', 1, 'Rig::WaitForUpdate', 'suspended');
    INSERT INTO actions (plan_id, id, class_name, plan_step_id, run_step_id, input, output)
    VALUES ('p', 1, 'Rig::WaitForUpdate', 1, 2, '{}', '{"events":[]}');
    INSERT INTO worlds (id, hostname, pid, started_at) VALUES ('w', 'h', 1, 1.0);
"""


class MigrationTests(SynchronousTestCase):
    """L{apply}."""

    def test_from_every_version(self) -> None:
        """A database of any version goes on as it was: its unfinished plans are taken up and end."""
        for number in LANDED:
            connection = sqlite3.connect(":memory:", isolation_level=None)
            configure(connection)
            apply(connection, [step for step in migrations() if step.number <= number], "old")
            connection.executescript(PLANS)
            apply(connection, migrations(), "old")
            engine = Engine(database=MemoryDatabase(connection))
            done(recover(engine.world))
            self.assertEqual(engine.state("p"), "running")
            done(engine.tasks.deliver("p", 2, {"finish": True}))
            self.assertEqual((engine.state("p"), engine.result("p")), ("stopped", "success"))

    def test_what_landed_is_not_changed(self) -> None:
        """A schema file that databases out there were made with is never edited: add another one."""
        found = {step.number: hashlib.sha256(step.sql.encode()).hexdigest()[:16] for step in migrations()}
        self.assertEqual(found, LANDED)

    def test_each_step_is_whole(self) -> None:
        """A migration that fails leaves the schema before it, and its number."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        steps = migrations()
        broken = type(steps[0])(steps[-1].number + 1, "broken", "CREATE TABLE fine (x); CREATE TABLE plans (x);")
        with self.assertRaises(sqlite3.OperationalError):
            apply(connection, [*steps, broken], "x")
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone()[0], steps[-1].number)
        self.assertEqual(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'fine'").fetchall(), [])

    def test_a_newer_schema(self) -> None:
        """Is left alone, with a text that says what to do."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.execute("PRAGMA user_version = 999")
        with self.assertRaisesRegex(StoreError, "newer version"):
            apply(connection, migrations(), "x")

    def test_the_database_of_another_program(self) -> None:
        """Is left as it is, to the last byte: settings of the Ruby service name Dynflow's."""
        path = Path(self.mktemp())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE dynflow_execution_plans (uuid TEXT)")
        before = path.read_bytes()
        with self.assertRaisesRegex(StoreError, "another program, such as Ruby's Dynflow"):
            migrate(path)
        self.assertEqual(path.read_bytes(), before)
