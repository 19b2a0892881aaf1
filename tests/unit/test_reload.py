"""Settings that change while the service runs."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import SettingsError
from smartdyn.log.buffer import LogBuffer
from smartdyn.log.output import LogOutput, make_levels
from smartdyn.reload import NEED_RESTART, Reloader, compare
from smartdyn.settings import Settings
from smartdyn.settings.schema import TYPES
from smartdyn.systemd.notify import Notifier
from tests.support.notify import NotifySocket


class CompareTests(SynchronousTestCase):
    """L{compare}."""

    def test_what_counts_at_once_and_what_later(self) -> None:
        """Ports, files that are open and the like stay as they are and are named; everything else changes."""
        running = Settings(port=8008, trusted_hosts=("a",))
        change = compare(running, Settings(port=9000, trusted_hosts=("b",), given=frozenset({"port", "trusted_hosts"})))
        self.assertEqual((change.applied, change.waiting), (("trusted_hosts",), ("port",)))
        self.assertEqual((change.settings.port, change.settings.trusted_hosts), (8008, ("b",)))
        self.assertEqual(change.settings.given, {"trusted_hosts"})

    def test_nothing_is_forgotten_until_the_restart(self) -> None:
        """What waits for a restart is named at each reload, and no longer when it is taken back."""
        wanted = Settings(database="other.sqlite")
        after = compare(Settings(), wanted).settings
        self.assertEqual(compare(after, wanted).waiting, ("database",))
        self.assertEqual(compare(after, Settings()).waiting, ())

    def test_the_names_are_names_of_settings(self) -> None:
        """What needs a restart are settings that there are."""
        self.assertEqual(NEED_RESTART - set(TYPES), set())


class FakeService:
    """Takes settings, or refuses them."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.problem: str | None = None

    def use(self, settings: Settings) -> None:
        """Remember them."""
        if self.problem:
            raise SettingsError([self.problem])
        self.settings = settings


class ReloaderTests(SynchronousTestCase):
    """L{Reloader}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "service.log"
        self.heard = NotifySocket(f"@smartdyn-{uuid.uuid4()}")
        self.addCleanup(self.heard.close)
        self.service = FakeService()
        self.kept = LogBuffer()
        self.wanted: Settings | SettingsError = self.settings()
        notifier = Notifier(self.heard.address, lambda: 1.0)
        output = LogOutput(self.settings(), self.kept, make_levels(self.settings()))
        self.log = Logger(observer=output)
        self.patch(Reloader, "_log", self.log)
        self.reloader = Reloader(self.settings(), self.load, self.service, output, notifier)

    def settings(self, **given: Any) -> Settings:
        """Settings with a log file."""
        return Settings(**{"log_file": str(self.file), **given})

    def load(self) -> Settings:
        """What is in the files now."""
        if isinstance(self.wanted, SettingsError):
            raise self.wanted
        return self.wanted

    def test_a_reload(self) -> None:
        """The service goes on with the new settings; what changes, and what needs a restart, is logged."""
        self.wanted = self.settings(kill_grace=1.0, listen="::")
        self.reloader.reload()
        assert self.service.settings is not None
        self.assertEqual((self.service.settings.kill_grace, self.service.settings.listen), (1.0, "127.0.0.1"))
        text = self.file.read_text()
        self.assertIn("changed: kill_grace\n", text)
        self.assertIn("count only after a restart: listen\n", text)
        self.assertEqual(self.heard.read(), ["RELOADING=1", "MONOTONIC_USEC=1000000", "READY=1"])

    def test_settings_that_cannot_be_used(self) -> None:
        """Whether they are wrong, do not suit the service or name a log that cannot be written: all stays, and why."""
        for wanted, problem, said in (
            (SettingsError(["settings.yml:3: there is no setting `prot`"]), None, "no setting `prot`"),
            (self.settings(kill_grace=1.0), "cert.pem holds no certificate.", "holds no certificate"),
            (self.settings(log_file="/nowhere/log", kill_grace=1.0), None, "`log_file` /nowhere/log cannot be written"),
        ):
            self.wanted, self.service.problem = wanted, problem
            self.reloader.reload()
            self.assertIsNone(self.service.settings)
            self.assertRegex(self.file.read_text(), f"the former settings stay in force: .*{said}")
            self.assertEqual(self.heard.read()[-1], "READY=1")

    def test_the_level_of_the_log(self) -> None:
        """It changes for what is written and for what Foreman sees."""
        self.wanted = self.settings(log_level="DEBUG")
        self.log.emit(LogLevel.debug, "before")
        self.reloader.reload()
        self.log.emit(LogLevel.debug, "after")
        self.assertNotIn("before", self.file.read_text())
        self.assertIn("after", self.file.read_text())
        self.assertIn("after", [record.message for record in self.kept.since(0)])

    def test_a_log_that_was_moved_away(self) -> None:
        """Both signals go on in a new file, and no line is lost or written twice."""
        for number, roll in enumerate((self.reloader.roll_log, self.reloader.reload)):
            self.log.info("line before {number}", number=number)
            moved = self.file.rename(self.folder / f"moved-{number}")
            roll()
            self.log.info("line after {number}", number=number)
            self.assertIn(f"line before {number}", moved.read_text())
            self.assertEqual(self.file.read_text().count(f"line after {number}"), 1)
        self.assertIn("Logging file reopened via USR1 signal", (self.folder / "moved-1").read_text())

    def test_a_log_that_cannot_be_reopened(self) -> None:
        """The old file goes on being written, and says why."""
        moved = self.folder.rename(f"{self.folder}-gone")
        self.reloader.roll_log()
        self.assertIn("the log file was not reopened", (moved / "service.log").read_text())
