"""C{smartdyn db} beside a real service, and without it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.command import Command
from tests.support.http import Client
from tests.support.service import ROOT, ServiceProcess

_NOBODY = 65534
_FAR_FUTURE = "3000-01-01"
_AS_NOBODY = f"""
import os, sys, importlib.readers, yaml
import smartdyn.cli.client, smartdyn.actions.ledger, smartdyn.settings, smartdyn.store.checkup, smartdyn.store.export
from smartdyn.cli.main import main
from smartdyn.store.migrate import migrations
migrations()
os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY})
sys.exit(main())
"""
"""The interpreter of the tests may be where only root can read, so everything is loaded before."""


class DatabaseTests(TestCase):
    """Tasks that are over, and one that is not."""

    timeout = 300

    async def start(self, **settings: Any) -> Command:
        """Start the service and launch them."""
        self.service = ServiceProcess({"execution_plan_cleaner_age": 0, **settings})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        await self.service.start()
        client = Client(reactor, self.service.url)
        self.over = [await self.launch(client, "Rig::Noop", number) for number in range(5)]
        self.waiting = await self.launch(client, "Rig::WaitForUpdate", 5)
        return Command(self.service)

    async def launch(self, client: Client, action: str, number: int) -> str:
        """Launch a task with a password."""
        given = {"number": number, "secrets": {"ssh_password": f"hunter2-{number}"}}
        body = {"operation": "single", "input": {"action_class": action, "action_input": given}}
        task: str = (await client.request("POST", "/tasks/launch", body)).json["task_id"]
        return task

    async def db(self, smartdyn: Command, *arguments: str, user: int | None = None) -> str:
        """What the command says."""
        status, output, errors = await smartdyn.run("db", *arguments, "-c", str(self.service.folder), user=user)
        self.assertEqual((status, errors), (0, ""), errors)
        return output

    async def test_export(self) -> None:
        """The same with the service up and down, and no password in it."""
        smartdyn = await self.start()
        up = await self.db(smartdyn, "export", "state:stopped")
        self.assertEqual([json.loads(line)["id"] for line in up.splitlines()], self.over[::-1])
        self.assertNotIn("hunter2", await self.db(smartdyn, "export"))
        await self.service.stop()
        self.assertEqual(await self.db(smartdyn, "export", "state:stopped"), up)

    async def test_check(self) -> None:
        """A database in use is sound, and so is one that is not; another key is noticed."""
        smartdyn = await self.start()
        self.assertIn("is sound: 6 tasks", await self.db(smartdyn, "check"))
        await self.service.stop()
        self.assertIn("is sound: 6 tasks", await self.db(smartdyn, "check"))
        self.service.folder.joinpath("smartdyn.sqlite.key").write_bytes(b"x" * 32)
        status, _, errors = await smartdyn.run("db", "check", "-c", str(self.service.folder))
        self.assertEqual((status, "is not the one that" in errors), (1, True))

    async def test_prune(self) -> None:
        """The service does it while it runs; without it, it is done all the same. What goes on stays."""
        smartdyn = await self.start()
        said = await self.db(smartdyn, "prune", "--older-than", _FAR_FUTURE)
        self.assertEqual(said, "5 tasks would be deleted. Say --yes to delete them.\n")
        said = await self.db(smartdyn, "prune", f"{self.over[0]}", "--older-than", "0s", "--yes")
        self.assertEqual(said, "1 tasks were deleted.\n")
        await self.service.stop()
        self.assertIn("4 tasks", await self.db(smartdyn, "prune", "--older-than", "0s", "--yes"))
        self.assertIn("No task", await self.db(smartdyn, "prune", "--older-than", "0s"))
        await self.service.start()
        left = await self.db(smartdyn, "export")
        self.assertEqual([json.loads(line)["id"] for line in left.splitlines()], [self.waiting])
        with closing(sqlite3.connect(self.service.folder / "smartdyn.sqlite")) as connection:
            seen = connection.execute("SELECT what, via, outcome LIKE '%deleted%' FROM audit ORDER BY id").fetchall()
        self.assertEqual(seen, [("prune", "api", 1), ("prune", "command line", 1)])

    async def test_a_time_that_is_none(self) -> None:
        """Is a wrong command line, and nothing happens."""
        smartdyn = await self.start()
        arguments = ("db", "prune", "--older-than", "long", "--yes", "-c", str(self.service.folder))
        status, _, errors = await smartdyn.run(*arguments)
        self.assertEqual((status, "a time is 30m, 2h" in errors), (2, True))
        self.assertEqual((await self.db(smartdyn, "export", "state:stopped")).count("\n"), 5)

    async def test_what_root_makes(self) -> None:
        """Belongs to whom the database belongs, so that the service can go on with it."""
        if os.geteuid() != 0:
            raise SkipTest("to be somebody else takes root")
        smartdyn = await self.start(backup_deleted_plans=True, backup_dir="kept")
        await self.service.stop()
        self.service.folder.joinpath("kept").mkdir()
        for path in (self.service.folder, *self.service.folder.iterdir()):
            os.chown(path, _NOBODY, _NOBODY)
        self.service.folder.joinpath("smartdyn.sqlite.lock").unlink()
        await self.db(smartdyn, "export")
        await self.db(smartdyn, "prune", "--older-than", "0s", "--yes")
        made = [*self.service.folder.glob("smartdyn.sqlite*"), *self.service.folder.joinpath("kept").iterdir()]
        self.assertEqual({path.name: path.stat().st_uid for path in made}, {path.name: _NOBODY for path in made})
        self.assertEqual(len(made), 4)

    async def test_a_user_who_may_not(self) -> None:
        """Is told as whom to do it."""
        if os.geteuid() != 0:
            raise SkipTest("to be somebody else takes root")
        await self.start()
        self.service.folder.chmod(0o755)
        for command in (("export",), ("check",), ("prune", "--older-than", "0s", "--yes")):
            done = await deferToThread(self.as_nobody, "db", *command, "-c", str(self.service.folder))
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, "as root|the owner of")

    def as_nobody(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as somebody who may do nothing."""
        return subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
        )
