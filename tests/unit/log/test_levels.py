"""What is important enough."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import InvalidRequest
from smartdyn.log.control import LevelControl
from smartdyn.log.levels import Levels, part_of


def event(namespace: str, level: Any = LogLevel.debug) -> dict[str, Any]:
    """An event of a logger."""
    return {"log_namespace": namespace, "log_level": level}


def least(levels: Levels, namespace: str) -> str:
    """The least important that is logged of a part."""
    every = (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)
    found: str = next(level.name for level in every if levels.lets_through(event(namespace, level)))
    return found


class LevelTests(SynchronousTestCase):
    """L{Levels}."""

    def test_parts(self) -> None:
        """A part is a module without our own name; classes are no parts."""
        for namespace, part in (
            ("smartdyn.ssh.pool.ConnectionPool", "ssh.pool"),
            ("smartdyn.web.root", "web.root"),
            ("twisted.web.client._HTTP11ClientFactory", "twisted.web.client._HTTP11ClientFactory"),
            ("", ""),
        ):
            self.assertEqual(part_of(event(namespace)), part)

    def test_the_longest_name_counts(self) -> None:
        """What is said of a part holds for all below it, unless something is said of that; names are whole words."""
        levels = Levels("ERROR", {"ssh": "DEBUG", "ssh.pool": "WARN"})
        self.assertEqual(least(levels, "smartdyn.ssh.transport.ClientTransport"), "debug")
        self.assertEqual(least(levels, "smartdyn.ssh.pool.ConnectionPool"), "warn")
        self.assertEqual(least(levels, "smartdyn.sshx"), "error")
        self.assertEqual(least(levels, "smartdyn.web.site"), "error")

    def test_what_tells_of_each_connection_is_a_detail(self) -> None:
        """Infos of libraries and of the SSH client are written when details are wanted, or when they are asked for."""
        for default, expected in (("DEBUG", "info"), ("INFO", "warn"), ("WARN", "warn"), ("FATAL", "critical")):
            for namespace in ("twisted.internet.tcp", "smartdyn.ssh.client"):
                self.assertEqual(least(Levels(default), namespace), expected, default)
        self.assertEqual(least(Levels("INFO", {"twisted": "DEBUG"}), "twisted.web.http"), "debug")

    def test_everything(self) -> None:
        """An asterisk stands for all parts of which nothing else is said."""
        levels = Levels("INFO", {"web": "WARN"})
        levels.override({"*": "DEBUG"})
        self.assertEqual(least(levels, "smartdyn.engine.world"), "debug")
        self.assertEqual(least(levels, "smartdyn.web.site"), "warn")
        self.assertEqual(least(levels, "twisted.web"), "info")

    def test_overriding(self) -> None:
        """What is set for a while counts more than the settings, also those of a reload, until it is taken back."""
        levels = Levels("INFO", {"web": "WARN"})
        levels.override({"web": "DEBUG"})
        levels.configure("ERROR", {"web": "ERROR"})
        self.assertEqual(least(levels, "smartdyn.web.site"), "debug")
        self.assertEqual(least(levels, "smartdyn.engine.world"), "error")
        levels.override({})
        self.assertEqual(least(levels, "smartdyn.web.site"), "error")


class ControlTests(SynchronousTestCase):
    """L{LevelControl}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.levels = Levels("INFO")
        self.control = LevelControl(self.clock, self.clock.seconds, self.levels)

    def test_for_a_while(self) -> None:
        """When the time is over, the levels are those of the settings."""
        self.control.set({"ssh": "debug"}, 60)
        self.assertEqual(self.control.state().until, 60.0)
        self.assertEqual(least(self.levels, "smartdyn.ssh.pool"), "debug")
        self.clock.advance(60)
        self.assertEqual(least(self.levels, "smartdyn.ssh.pool"), "warn")
        self.assertIsNone(self.control.state().until)

    def test_the_last_word_counts(self) -> None:
        """Setting levels again forgets those before, with their end."""
        self.control.set({"ssh": "debug"}, 60)
        self.control.set({"web": "error"}, None)
        self.clock.advance(100)
        self.assertEqual(self.control.state().overridden, {"web": "ERROR"})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_cannot_be(self) -> None:
        """An unknown level, and a time that is none, are refused; everything stays as it was."""
        self.control.set({"web": "error"}, None)
        for parts, seconds in (({"web": "loud"}, None), ({"web": "info"}, 0.0), ({"web": "info"}, float("nan"))):
            self.assertRaises(InvalidRequest, self.control.set, parts, seconds)
        self.assertEqual(self.control.state().overridden, {"web": "ERROR"})
