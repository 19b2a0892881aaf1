"""C{smartdyn db}."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.store.backup import check
from smartdyn.store.vault import Vault
from smartdyn.testing import done
from tests.support.disk import database_at
from tests.support.engine import Engine
from tests.support.in_process import smartdyn
from tests.support.jobs import PrintingJob, run

ROOT = Path(__file__).parents[3]


class DatabaseCommandTests(SynchronousTestCase):
    """With a database in which there are two tasks."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.folder.joinpath("settings.yml").write_text(":database: data.sqlite\n")
        self.options = ("-c", str(self.folder))
        database = database_at(self.folder / "data.sqlite")
        self.addCleanup(lambda: done(database.close()))
        Vault.open(self.folder / "data.sqlite.key")
        engine = Engine((PrintingJob,), database=database)
        self.good = run(engine, host="web1", printed="fine", status=0)
        self.bad = run(engine, host="web2", printed="wrong " * 20_000, status=1)

    def test_backup(self) -> None:
        """Copies it, and says that the key file belongs to it; nothing is overwritten."""
        copy = self.folder / "copy"
        did = smartdyn("db", "backup", str(copy), *self.options)
        self.assertEqual((did.status, "data.sqlite.key: copy that too" in did.output), (0, True))
        self.assertEqual(check(copy), [])
        again = smartdyn("db", "backup", str(copy), *self.options)
        self.assertEqual((again.status, "exists already" in again.errors), (1, True))

    def test_check(self) -> None:
        """Says that it is sound; what is wrong is a line each, and ends with 1."""
        self.assertIn("is sound: 2 tasks", smartdyn("db", "check", *self.options).output)
        (self.folder / "data.sqlite.key").unlink()
        did = smartdyn("database", "check", *self.options)
        self.assertEqual((did.status, did.output, did.errors.count("\n")), (1, "", 1))
        self.assertIn("data.sqlite.key is missing", did.errors)

    def test_export_to_standard_output(self) -> None:
        """The tasks that a search finds, and nothing else."""
        did = smartdyn("db", "export", "host:web1", *self.options)
        self.assertEqual((did.status, json.loads(did.output)["id"], did.errors), (0, self.good, ""))
        self.assertEqual(smartdyn("db", "export", *self.options).output.count("\n"), 2)

    def test_export_to_a_file(self) -> None:
        """It is whole, for its owner only, and is not written over."""
        file = self.folder / "tasks.jsonl"
        did = smartdyn("db", "export", "state:failed", str(file), *self.options)
        self.assertEqual((did.status, did.output), (0, f"1 tasks were written to {file}.\n"))
        self.assertEqual(json.loads(file.read_text())["id"], self.bad)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(smartdyn("db", "export", "", str(file), *self.options).status, 1)

    def test_export_of_what_cannot_be_found(self) -> None:
        """A search that is not understood ends with 2, says where it is wrong, and leaves no file."""
        file = self.folder / "tasks.jsonl"
        did = smartdyn("db", "export", "stat:failed", str(file), *self.options)
        self.assertEqual((did.status, "at character 1" in did.errors, file.exists()), (2, True, False))

    def test_a_reader_that_has_enough(self) -> None:
        """Ends the export without a word, as with any command before C{head}."""
        arguments = ["db", "export", "-c", str(self.folder.absolute())]
        code = f"import sys; from smartdyn.cli.main import main; sys.exit(main({arguments}))"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        self.assertEqual((process.wait(30), errors), (1, b""))
