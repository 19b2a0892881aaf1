"""Starting, waiting for and protecting coroutines."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.aio import Spawner, cancelled_as_such, deadline, shielded, sleep
from smartdyn.errors import DeadlineExceeded


class SpawnerTests(SynchronousTestCase):
    """L{Spawner}."""

    def setUp(self) -> None:
        self.spawner = Spawner(Clock())
        self.done: list[str] = []

    async def work(self, waiting: Deferred[None], name: str, then: Deferred[None] | None = None) -> None:
        """Wait, begin something else, and say so."""
        await waiting
        if then is not None:
            self.spawner.spawn("more", self.work(then, "more"))
        self.done.append(name)

    def test_a_failure_is_logged(self) -> None:
        """Nobody waits for background work, so its errors go to the log."""
        waiting: Deferred[None] = Deferred()
        self.spawner.spawn("work", self.work(waiting, "work"))
        self.assertEqual(self.spawner.names(), ["work"])
        waiting.errback(ValueError("broken"))
        self.assertEqual((len(self.flushLoggedErrors(ValueError)), self.spawner.names()), (1, []))

    def test_stopping_waits_for_what_is_begun_meanwhile(self) -> None:
        """Work that begins more work before it ends is not cut off."""
        first: Deferred[None] = Deferred()
        second: Deferred[None] = Deferred()
        self.spawner.spawn("work", self.work(first, "work", second))
        stopped = self.spawner.stop(cancel=False)
        first.callback(None)
        self.assertNoResult(stopped)
        second.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.done, ["work", "more"])

    def test_stopping_can_cancel(self) -> None:
        """Then nothing is waited for, and a cancellation is no error."""
        self.spawner.spawn("work", self.work(Deferred(), "work"))
        self.successResultOf(self.spawner.stop())
        self.assertEqual((self.done, self.flushLoggedErrors()), ([], []))

    def test_waiting_for_the_end_has_a_deadline(self) -> None:
        """Whoever waits for work that does not end is told so in time, and the work goes on."""
        clock, ends = Clock(), Deferred[None]()
        self.spawner.spawn("work", self.work(ends, "work"))
        stopped = Deferred.fromCoroutine(deadline(clock, 5, "work", self.spawner.stop(cancel=False)))
        clock.advance(5)
        self.failureResultOf(stopped, DeadlineExceeded)
        ends.callback(None)
        self.assertEqual((self.done, self.spawner.names()), (["work"], []))


class WaitingTests(SynchronousTestCase):
    """Deadlines, shields and cancellations."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.source: Deferred[str] = Deferred()

    def test_a_deadline_that_is_kept(self) -> None:
        """The result is the source's, and no timer is left."""
        waiting = Deferred.fromCoroutine(deadline(self.clock, 5, "it", self.source))
        self.source.callback("here")
        self.assertEqual((self.successResultOf(waiting), self.clock.getDelayedCalls()), ("here", []))

    def test_a_deadline_that_passes(self) -> None:
        """The source is cancelled, and the error names what was waited for."""
        waiting = Deferred.fromCoroutine(deadline(self.clock, 5, "the answer", self.source))
        self.clock.advance(5)
        error = self.failureResultOf(waiting, DeadlineExceeded).value
        self.assertEqual(str(error), "the answer took longer than 5 s")

    def test_a_deadline_that_is_cancelled(self) -> None:
        """Cancellation is passed on as what it is."""
        waiting = Deferred.fromCoroutine(deadline(self.clock, 5, "it", self.source))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_shield_holds(self) -> None:
        """Whoever stops waiting does not stop the work."""
        outer = shielded(self.source)
        outer.cancel()
        self.failureResultOf(outer, CancelledError)
        self.source.callback("done all the same")
        self.successResultOf(self.source)

    def test_a_cancellation_is_one_whatever_the_source_says(self) -> None:
        """An endpoint that reports something else is not believed."""
        source: Deferred[str] = Deferred(lambda it: it.errback(ValueError("name not found")))
        outer = cancelled_as_such(source)
        outer.cancel()
        self.failureResultOf(outer, CancelledError)

    def test_a_sleep_that_is_cut_short(self) -> None:
        """Leaves no timer behind."""
        sleeping = sleep(self.clock, 10)
        sleeping.cancel()
        self.failureResultOf(sleeping, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
