"""What is found out about the machine."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.doctor import gather
from smartdyn.store.ownership import Ownership


class GatherTests(SynchronousTestCase):
    """L{gather.gather}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.folder.joinpath("settings.yml").write_text("database: smartdyn.sqlite\n")
        self.unit: dict[str, str] = {}
        self.patch(gather, "unit_properties", lambda: self.unit)

    def test_a_running_service(self) -> None:
        """Is found by its lock, which is not touched; its environment is that of the process."""
        self.assertIsNone(gather.gather(self.folder).pid)
        owner = Ownership(self.folder / "smartdyn.sqlite")
        owner.acquire()
        self.addCleanup(owner.release)
        context = gather.gather(self.folder)
        self.assertEqual(context.pid, os.getpid())
        self.assertEqual(context.environment.get("PATH"), os.environ["PATH"])
        owner.release()
        self.assertIsNone(gather.gather(self.folder).pid)

    def test_the_unit_says_who_it_is(self) -> None:
        """Its account and environment count, not ours."""
        self.unit.update(LoadState="loaded", User="nobody", Environment='A=1 "B=two words"')
        context = gather.gather(self.folder)
        self.assertEqual(context.account.name, "nobody")
        self.assertEqual(context.environment, {"A": "1", "B": "two words"})
        self.assertEqual(context.path("~/x"), context.account.home / "x")

    def test_without_a_unit(self) -> None:
        """The owner of the database's directory is whom the service runs as; if that is root, whoever asks."""
        self.assertEqual(gather.gather(self.folder).account.uid, os.geteuid())
        if os.geteuid() == 0:
            os.chown(self.folder, 1, 1)
            self.assertEqual(gather.gather(self.folder).account.uid, 1)

    def test_commands(self) -> None:
        """What is not there, or takes too long, has said nothing."""
        self.assertIsNone(gather.run(["/nowhere/command"]))
        ran = gather.run(["/bin/sh", "-c", "echo here; exit 3"])
        self.assertEqual((ran and ran.status, ran and ran.output), (3, "here\n"))
        self.patch(gather, "_COMMAND_LIMIT", 0.05)
        self.assertIsNone(gather.run(["sleep", "30"]))
