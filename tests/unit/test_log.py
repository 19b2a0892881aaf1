"""Lines of the log."""

from __future__ import annotations

import io
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.log import LineWriter, line, observer
from smartdyn.secret import Secret


class LogTests(SynchronousTestCase):
    """L{observer}."""

    def write(self, level: str, *, log_file: str = "STDOUT", **options: Any) -> str:
        """What a logger with this namespace writes at all levels."""
        output = io.StringIO()
        logger = Logger(observer=observer(log_file, level, output), **options)
        for each in (LogLevel.debug, LogLevel.info, LogLevel.error):
            logger.emit(each, "said {what}", what=each.name, request_id="0123456789abcdef")
        return output.getvalue()

    def test_the_level_decides(self) -> None:
        """What is less important is not written."""
        self.assertEqual(self.write("INFO").count("\n"), 2)
        self.assertEqual(self.write("ERROR").count("\n"), 1)
        self.assertEqual(self.write("DEBUG").count("\n"), 3)

    def test_the_request_is_named(self) -> None:
        """By the first eight characters of its id, as the smart proxy does."""
        self.assertRegex(self.write("ERROR"), r"^\S+ 01234567 \[E\] said error\n$")

    def test_libraries_details_are_details(self) -> None:
        """Twisted's infos are written only when details are wanted."""
        self.assertEqual(self.write("INFO", namespace="twisted.internet.tcp").count("\n"), 1)

    def test_the_journal_knows_the_priority(self) -> None:
        """Each line carries it."""
        self.assertIn("<3>[01234567] said error\n", self.write("ERROR", log_file="JOURNAL"))

    def test_a_failure_has_its_traceback(self) -> None:
        """It is written below the message."""
        output = io.StringIO()
        try:
            raise ValueError("broken")
        except ValueError:
            Logger(observer=LineWriter(output)).failure("it failed")
        self.assertIn("it failed\nTraceback", output.getvalue())
        self.assertIn("ValueError: broken", output.getvalue())

    def test_a_secret_is_hidden(self) -> None:
        """Whoever logs one by accident."""
        text = line(
            {
                "log_format": "using {password}",
                "password": Secret("planted"),
                "log_level": LogLevel.info,
                "log_time": 0.0,
            }
        )
        self.assertIn("using [hidden]", text)
