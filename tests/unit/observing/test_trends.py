"""How much there was to do, minute by minute."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import StoreError
from smartdyn.observing.trends import TrendWatch


class TrendTests(SynchronousTestCase):
    """A service whose parts the test plays: only their numbers matter."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.runs: list[Any] = []
        self.queues = [SimpleNamespace(waiting=0), SimpleNamespace(waiting=0)]
        self.starting = 0
        self.pending: int | Exception | None = 0
        environment = SimpleNamespace(queues=SimpleNamespace(depths=lambda: self.queues))
        world: Any = SimpleNamespace(environment=environment, runs=lambda: self.runs)
        hosts: Any = SimpleNamespace(load=lambda: SimpleNamespace(starting_waiting=self.starting))
        self.asked = 0
        outbox: Any = SimpleNamespace(waiting=self.waiting)
        self.watch = TrendWatch(self.clock, world, hosts, outbox)
        self.watch.startService()
        self.addCleanup(self.watch.stopService)

    def waiting(self) -> Deferred[Any]:
        """What the outbox answers; with None, it does not."""
        self.asked += 1
        if self.pending is None:
            return Deferred()
        return fail(self.pending) if isinstance(self.pending, Exception) else succeed(self.pending)

    def test_the_most_of_each_minute_is_kept(self) -> None:
        """A peak is seen although it was over before the minute was; what has not been yet is nought."""
        self.runs, self.queues[0].waiting, self.starting, self.pending = [1, 2, 3], 4, 5, 6
        self.clock.advance(5)
        self.runs, self.queues[0].waiting, self.starting, self.pending = [1], 0, 0, 0
        self.clock.pump([5.0] * 12)
        found = self.watch.last_hour()
        self.assertEqual([len(found.running), found.running[-2:], sum(found.running[:-2])], [60, (3, 1), 0])
        self.assertEqual((found.waiting[-2:], found.unreported[-2:]), ((9, 0), (6, 0)))

    def test_an_hour_is_kept(self) -> None:
        """What is older is forgotten, and the rest moves on."""
        self.runs = [1]
        self.clock.advance(5)
        self.runs = []
        self.clock.pump([5.0] * 12 * 58)
        self.assertEqual(self.watch.last_hour().running[1], 1)
        self.clock.pump([5.0] * 24)
        self.assertEqual(sum(self.watch.last_hour().running), 0)

    def test_lateness(self) -> None:
        """In milliseconds, the worst of a minute."""
        for seconds in (0.0012, 0.25, 0.003):
            self.watch.late(seconds)
        self.assertEqual(self.watch.last_hour().late[-1], 250)

    def test_a_database_that_does_not_answer(self) -> None:
        """The other numbers go on, it is not asked twice at the same time, and it is asked again later."""
        self.pending = None
        self.clock.advance(5)
        self.asked, self.runs = 0, [1, 2]
        self.clock.pump([5.0] * 3)
        self.assertEqual((self.watch.last_hour().running[-1], self.asked), (2, 0))
        self.clock.pump([5.0] * 4)
        self.assertEqual(self.asked, 1)
        self.pending = StoreError("busy")
        self.clock.pump([5.0] * 6)
        self.assertGreater(self.asked, 1)
        self.pending = 7
        self.clock.advance(5)
        self.assertEqual(self.watch.last_hour().unreported[-1], 7)

    def test_after_the_end(self) -> None:
        """Nothing is looked at any more."""
        self.watch.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
