"""The database on a disk: group commit, isolation, other processes, crashes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smartdyn.errors import CannotWrite, DatabaseInUse, StoreError, TooSlow
from smartdyn.store import database as module
from smartdyn.store.backup import backup, check
from smartdyn.store.database import SqliteDatabase
from smartdyn.store.migrate import apply, migrations
from smartdyn.store.worlds import StartWorld

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from twisted.internet import reactor
from smartdyn.store.database import SqliteDatabase
from smartdyn.store.worlds import StartWorld
database = SqliteDatabase(reactor, Path(sys.argv[1]))
database.open()
def write(number):
    database.commit(StartWorld(f"w{number}", "h", 1, 0.0)).addCallback(done, number)
def done(_, number):
    print(number, flush=True)
    write(number + 8)
for first in range(8):
    reactor.callWhenRunning(write, first)
reactor.run()
"""


@dataclass(frozen=True)
class Increment:
    """Reads a number and writes the next."""

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Read, modify, write."""
        pid = tx.execute("SELECT pid FROM worlds WHERE id = 'w'").fetchone()[0]
        tx.execute("UPDATE worlds SET pid = ? WHERE id = 'w'", (pid + 1,))


@dataclass(frozen=True)
class Fails:
    """Writes something and then fails."""

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Do it."""
        tx.execute("UPDATE worlds SET pid = 1000 WHERE id = 'w'")
        raise KeyError("no")


@dataclass(frozen=True)
class Blocks:
    """Takes as long as the test wants."""

    begun: threading.Event
    may_end: threading.Event

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Wait in the writer's thread."""
        self.begun.set()
        self.may_end.wait(30)


def pid_of(tx: sqlite3.Cursor) -> Any:
    """The number."""
    return tx.execute("SELECT pid FROM worlds WHERE id = 'w'").fetchone()[0]


class DatabaseTests(TestCase):
    """L{SqliteDatabase}."""

    timeout = 300

    async def open(self) -> SqliteDatabase:
        """A fresh database with one row."""
        self.path = Path(self.mktemp()) / "smartdyn.sqlite"
        database = SqliteDatabase(reactor, self.path)
        database.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(database.close()))
        await database.commit(StartWorld("w", "h", 0, 0.0))
        return database

    async def test_no_update_is_lost_and_commits_are_shared(self) -> None:
        """Two hundred concurrent read-modify-writes all count, in a handful of commits."""
        database = await self.open()
        before = database.commits
        await gatherResults([database.commit(Increment()) for _ in range(200)])
        self.assertEqual(await database.query(pid_of), 200)
        self.assertLess(database.commits - before, 10)

    async def test_a_unit_that_fails_is_undone_alone(self) -> None:
        """Its writes are gone, its neighbours' are not, and its error is its own."""
        database = await self.open()
        results = [database.commit(Increment()), database.commit(Increment(), Fails()), database.commit(Increment())]
        await self.assertFailure(results[1], KeyError)
        await gatherResults([results[0], results[2]])
        self.assertEqual(await database.query(pid_of), 2)

    async def test_another_process_that_holds_the_lock_is_waited_for(self) -> None:
        """A backup that takes a while is no reason to lose anything."""
        database = await self.open()
        other = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        waiting = database.commit(Increment())
        clock: Any = reactor
        clock.callLater(6, other.execute, "COMMIT")
        await waiting
        other.close()
        self.assertEqual(await database.query(pid_of), 1)

    async def test_a_writer_without_a_thread(self) -> None:
        """Whatever keeps a commit from being done, whoever waits for it is told; the next one is tried again."""
        database = await self.open()
        writer = database._writer
        assert writer is not None
        broken = self.patch(writer, "runWithConnection", lambda *_: fail(RuntimeError("can't start new thread")))
        await self.assertFailure(database.commit(Increment()), StoreError)
        broken.restore()
        await database.commit(Increment())

    async def test_how_long_a_commit_takes(self) -> None:
        """It is known while it is under way, for those who watch over the writer."""
        database = await self.open()
        barrier = Blocks(threading.Event(), threading.Event())
        done = database.commit(barrier)
        self.assertTrue(await deferToThread(barrier.begun.wait, 30))
        self.assertGreater(database.writing_for, 0.0)
        barrier.may_end.set()
        await done
        self.assertEqual(database.writing_for, 0.0)

    async def test_one_owner(self) -> None:
        """A second service on the file is refused, and the first does not notice."""
        database = await self.open()
        error = self.assertRaises(DatabaseInUse, SqliteDatabase(reactor, self.path).open)
        self.assertIn(f"pid {os.getpid()}", str(error))
        await database.commit(Increment())

    async def test_readers_cannot_write(self) -> None:
        """The reading connections are read-only."""
        database = await self.open()
        await self.assertFailure(database.query(lambda tx: tx.execute("DELETE FROM worlds")), sqlite3.OperationalError)

    async def test_what_takes_too_long_is_given_up(self) -> None:
        """A search that would read for ever ends with a word about it, and the next one is answered."""
        self.patch(module, "_PATIENCE", 0.2)
        database = await self.open()
        forever = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        asked = [
            database.query(lambda tx: tx.execute(forever).fetchone(), patient=True),
            database.query(lambda tx: tx.execute("SELECT 7").fetchone(), patient=True),
        ]
        with self.assertRaisesRegex(TooSlow, "longer than 0.2 s. Search for less"):
            await asked[0]
        self.assertEqual(await asked[1], (7,))

    async def test_a_newer_schema_is_refused(self) -> None:
        """An older program does not touch a newer database."""
        database = await self.open()
        await database.close()
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA user_version = 999")
        connection.close()
        self.assertIn(
            "Install the newer version", str(self.assertRaises(StoreError, SqliteDatabase(reactor, self.path).open))
        )

    async def test_what_was_acknowledged_survives_a_kill(self) -> None:
        """Every commit whose Deferred fired before kill -9 is in the file."""
        path = Path(self.mktemp()) / "smartdyn.sqlite"
        acknowledged = await deferToThread(self.kill_a_writer, path)
        self.assertGreater(len(acknowledged), 50)
        connection = sqlite3.connect(path)
        self.addCleanup(connection.close)
        found = {name for (name,) in connection.execute("SELECT id FROM worlds")}
        self.assertEqual(acknowledged - found, set())

    def kill_a_writer(self, path: Path) -> set[str]:
        """Let a process write for a while and kill it.

        @return: what it said is written.
        """
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(100)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        return {f"w{line.strip()}" for line in said if line.endswith("\n")}


class BackupTests(TestCase):
    """Copies and checks."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.database = SqliteDatabase(reactor, self.path)
        self.database.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.database.close()))

    async def test_a_copy_of_a_database_in_use(self) -> None:
        """It is sound, nobody else may read it, and holds whole units only; the service goes on writing meanwhile."""
        target = self.path.with_name("copy")
        writing = [self.database.commit(StartWorld(f"w{number}", "h", 1, 0.0)) for number in range(500)]
        await deferToThread(backup, self.path, target)
        await gatherResults(writing)
        self.assertEqual(check(target), [])
        self.assertEqual(target.stat().st_mode & 0o777, 0o600)
        with sqlite3.connect(target) as copy:
            self.assertLessEqual(copy.execute("SELECT count(*) FROM worlds").fetchone()[0], 500)

    def test_nothing_is_overwritten(self) -> None:
        """And a database that is not there is no empty copy."""
        with self.assertRaisesRegex(CannotWrite, "exists already"):
            backup(self.path, self.path)
        with self.assertRaisesRegex(StoreError, "no database"):
            backup(self.path.with_name("nobody"), self.path.with_name("copy"))

    async def test_damage_is_found_at_the_start(self) -> None:
        """The service does not work with a damaged database; the text says what to do."""
        for number in range(300):
            await self.database.commit(StartWorld(f"w{number}", "h" * 500, 1, 0.0))
        await self.database.close()
        data = bytearray(self.path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 8192] = b"\xff" * 8192
        self.path.write_bytes(data)
        with self.assertRaisesRegex(StoreError, "damaged|Restore a backup"):
            SqliteDatabase(reactor, self.path).open()

    async def test_the_former_schema_is_kept(self) -> None:
        """Before a database is changed for this version, it is copied."""
        old = self.path.with_name("old")
        with closing(sqlite3.connect(old, isolation_level=None)) as connection:
            apply(connection, migrations()[:1], "old")
        database = SqliteDatabase(reactor, old)
        database.open()
        await database.close()
        with closing(sqlite3.connect(old.with_name("old.schema-1"))) as former:
            self.assertEqual(former.execute("PRAGMA user_version").fetchone()[0], 1)
