"""Who moves, and who is said to."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import StoreError
from smartdyn.systemd.watchdog import Probe, Watchdog, watchdog_interval
from tests.support.engine import Engine


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

    def start(self, **probes: Probe) -> None:
        """Begin to watch; C{signs} are the times at which systemd was told."""
        self.clock = Clock()
        self.signs: list[float] = []
        watchdog = Watchdog(self.clock, 60.0, probes, lambda: self.signs.append(self.clock.seconds()))
        watchdog.startService()
        self.addCleanup(watchdog.stopService)

    def pass_time(self, seconds: int) -> None:
        """Let seconds pass."""
        self.clock.pump([1.0] * seconds)

    def test_all_move(self) -> None:
        """A sign is given at once and then twice in the time that it is asked for."""
        self.start(writer=lambda: succeed(None), outbox=lambda: succeed(None))
        self.pass_time(90)
        self.assertEqual(self.signs, [0.0, 30.0, 60.0, 90.0])

    def test_one_hangs(self) -> None:
        """There is no sign as long as one part does not come back, and it is named; then there is one at once."""
        stuck: list[Deferred[None]] = []

        def hang() -> Deferred[None]:
            stuck.append(Deferred())
            return stuck[-1]

        self.start(writer=lambda: succeed(None), outbox=hang)
        self.pass_time(59)
        self.assertEqual(self.signs, [])
        stuck[-1].callback(None)
        self.assertEqual(self.signs, [59.0])

    def test_a_slow_one_is_no_hanging_one(self) -> None:
        """Signs of parts that take as long as they may are never further apart than what is asked for."""

        def slow() -> Deferred[None]:
            back: Deferred[None] = Deferred()
            self.clock.callLater(7.0, back.callback, None)
            return back

        self.start(writer=slow, outbox=slow)
        self.pass_time(200)
        self.assertEqual(self.signs, [14.0, 58.0, 102.0, 146.0, 190.0])

    def test_an_error_is_an_answer(self) -> None:
        """A database that cannot be written does not make systemd restart the service again and again."""
        self.start(writer=lambda: fail(StoreError("the disk is full")))
        self.assertEqual(self.signs, [0.0])

    def test_a_unit_with_nothing_in_it(self) -> None:
        """It goes through the database's writer as any other."""
        self.start(writer=Engine().database.commit)
        self.assertEqual(self.signs, [0.0])
