"""When systemd is told that the service moves."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.systemd.watchdog import Watchdog, watchdog_interval


class IntervalTests(SynchronousTestCase):
    """L{watchdog_interval}."""

    def test_what_systemd_asks_for(self) -> None:
        """Microseconds, for us or for whoever is started; nothing, nought, nonsense and another process's are none."""
        self.assertEqual(watchdog_interval({"WATCHDOG_USEC": "60000000"}, 7), 60.0)
        self.assertEqual(watchdog_interval({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "7"}, 7), 0.5)
        for environment in (
            {},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "soon"},
            {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"},
        ):
            self.assertIsNone(watchdog_interval(environment, 7))


class WatchdogTests(SynchronousTestCase):
    """L{Watchdog}, asked for a sign within a minute."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.signs: list[float] = []
        self.problems: list[str] = []
        self.watchdog = Watchdog(
            self.clock, 60.0, lambda: self.problems, lambda: self.signs.append(self.clock.seconds())
        )
        self.watchdog.startService()

    def test_all_moves(self) -> None:
        """A sign is given at once, then twice in the time that it is asked for, and none after the end."""
        self.clock.pump([1.0] * 90)
        self.watchdog.stopService()
        self.clock.pump([1.0] * 90)
        self.assertEqual(self.signs, [0.0, 30.0, 60.0, 90.0])

    def test_something_stands_still(self) -> None:
        """No sign is given as long as it does; when it moves in time after all, there is one again."""
        self.problems = ["A commit to the database has been under way for 121 s."]
        self.clock.pump([1.0] * 59)
        self.assertEqual(self.signs, [0.0])
        self.problems = []
        self.clock.pump([1.0] * 31)
        self.assertEqual(self.signs, [0.0, 60.0, 90.0])
