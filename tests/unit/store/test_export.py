"""Tasks as lines of JSON."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.errors import StoreError
from smartdyn.model.query import EVERYTHING, parse
from smartdyn.model.views import OutputChunk
from smartdyn.secret import Secret
from smartdyn.store.export import export
from smartdyn.store.output import AppendOutput
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.jobs import PrintingJob, run


class Plain(Action):
    """Does nothing."""


class ExportTests(SynchronousTestCase):
    """L{export}."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.database = database_at(self.path)
        self.addCleanup(lambda: done(self.database.close()))
        self.engine = Engine((PrintingJob, Plain), database=self.database)

    def export(self, query: str = "") -> list[Any]:
        """What the lines say."""
        pieces: list[str] = []
        wanted = parse(query, self.engine.clock.seconds()) if query else EVERYTHING
        count = export(self.path, wanted, pieces.append)
        found = [json.loads(line) for line in "".join(pieces).splitlines()]
        self.assertEqual(len(found), count)
        return found

    def test_a_line_has_everything_but_secrets(self) -> None:
        """Steps, actions, output by action, and what became of the callbacks; a password is hidden."""
        task = run(self.engine, printed="höst\nübel", status=3, host="web1", password=Secret("hunter2"))
        (found,) = self.export()
        self.assertEqual((found["id"], found["state"], found["host"]), (task, "stopped", "web1"))
        self.assertEqual([step["state"] for step in found["steps"]], ["success", "success", "error"])
        self.assertEqual(found["actions"][0]["input"]["password"], "[hidden]")
        self.assertEqual([chunk["output"] for chunk in found["output_chunks"]["1"]], ["höst\nübel"])
        self.assertEqual(found["callbacks"], [])

    def test_a_search_chooses(self) -> None:
        """The newest first, in the words of the console."""
        tasks = []
        for number in range(50):
            tasks.append(run(self.engine, status=number % 2, host=f"web{number}"))
            self.engine.advance(1)
        self.assertEqual([task["id"] for task in self.export()], tasks[::-1])
        self.assertEqual([task["id"] for task in self.export("host:web4*")], [*tasks[:39:-1], tasks[4]])
        self.assertEqual(self.export("host:nobody"), [])

    def test_output_goes_through_in_pieces(self) -> None:
        """However much a task has printed, only little of it is in memory at a time."""
        task = run(self.engine, printed="first", status=0)
        chunks = [OutputChunk(position, "stdout", 0.0, "x" * 10_000) for position in range(1, 200)]
        done(self.database.commit(*(AppendOutput(task, 1, chunk) for chunk in chunks)))
        pieces: list[str] = []
        export(self.path, EVERYTHING, pieces.append)
        self.assertLess(max(map(len, pieces)), 11_000)
        self.assertEqual(len(json.loads("".join(pieces))["output_chunks"]["1"]), 200)

    def test_without_output(self) -> None:
        """A task that has printed nothing is a line too."""
        self.engine.trigger(Plain, {})
        self.assertEqual(self.export()[0]["output_chunks"], {})

    def test_another_schema(self) -> None:
        """Is not guessed at: the error says which version is needed."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA user_version = 999")
            with self.assertRaisesRegex(StoreError, "knows only .* Use the newer version"):
                self.export()
            connection.execute("PRAGMA user_version = 1")
            with self.assertRaisesRegex(StoreError, "start the service once"):
                self.export()

    def test_no_database(self) -> None:
        """Neither a file that is missing nor one of another kind is an empty export."""
        self.path = Path(self.mktemp())
        with self.assertRaisesRegex(StoreError, "There is no database"):
            self.export()
        self.path.write_bytes(b"no database at all" * 100)
        with self.assertRaisesRegex(StoreError, "is damaged"):
            self.export()
