"""Where the log goes."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from twisted.logger import LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.log.output import open_log
from smartdyn.settings import Settings

_EVENT = {"log_format": "hello", "log_level": LogLevel.error, "log_time": 0.0, "log_namespace": "smartdyn.x"}


class OpenLogTests(SynchronousTestCase):
    """L{open_log}."""

    def test_places_that_are_no_files(self) -> None:
        """The journal, under all names that the smart proxy knows, syslog too, gets lines with its priorities."""
        for name in ("JOURNAL", "journald", "SYSLOG", "STDOUT"):
            written = StringIO()
            self.patch(sys, "__stdout__", written)
            open_log(Settings(log_file=name))(_EVENT)
            self.assertIn(formatEvent(_EVENT), written.getvalue())
            self.assertEqual(written.getvalue().startswith("<3>"), name != "STDOUT", name)

    def test_a_relative_path(self) -> None:
        """Begins at the configuration directory, as every path in the settings."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        open_log(Settings(log_file="service.log", folder=folder))(_EVENT)
        self.assertIn("hello", folder.joinpath("service.log").read_text())
