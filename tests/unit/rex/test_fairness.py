"""Turns: limits and fairness, and how many there are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.fairness import Turns
from smartdyn.rex.pace import Pace


class TurnsTests(SynchronousTestCase):
    """Who comes when."""

    def test_limit(self) -> None:
        """No more than the limit have a turn; the next comes when one is given back."""
        turns = Turns(Clock(), 2)
        first, second, third = (turns.acquire("a") for _ in range(3))
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertNoResult(third)
        turns.release()
        self.successResultOf(third)

    def test_groups_take_turns(self) -> None:
        """A group that comes later does not wait for all of an earlier one."""
        turns = Turns(Clock(), 1)
        self.successResultOf(turns.acquire("a"))
        served: list[str] = []

        def serve(_: None, group: str) -> None:
            served.append(group)

        for group in "aaabb":
            turns.acquire(group).addCallback(serve, group)
        for _ in range(5):
            turns.release()
        self.assertEqual("".join(served), "ababa")

    def test_leaving_the_queue(self) -> None:
        """Whoever is cancelled gives up the place, and nobody else's."""
        turns = Turns(Clock(), 1)
        self.successResultOf(turns.acquire("a"))
        left, stays = turns.acquire("a"), turns.acquire("b")
        left.cancel()
        self.failureResultOf(left, CancelledError)
        turns.release()
        self.successResultOf(stays)
        turns.release()
        self.successResultOf(turns.acquire("c"))

    def test_a_turn_is_given_back(self) -> None:
        """Also when what was done in it fails."""
        turns = Turns(Clock(), 1)

        async def fail() -> None:
            async with turns.turn("a"):
                raise ValueError("broken")

        self.failureResultOf(Deferred.fromCoroutine(fail()), ValueError)
        self.successResultOf(turns.acquire("a"))

    def test_fewer_and_more(self) -> None:
        """A smaller limit takes effect as turns end, a larger one at once."""
        turns = Turns(Clock(), 3)
        for _ in range(3):
            self.successResultOf(turns.acquire("a"))
        turns.resize(1)
        waiting = turns.acquire("a")
        turns.release()
        turns.release()
        self.assertNoResult(waiting)
        turns.release()
        self.successResultOf(waiting)
        another = turns.acquire("a")
        turns.resize(2)
        self.successResultOf(another)
        self.assertEqual(turns.taken(), 2)

    def test_a_turn_that_takes_long(self) -> None:
        """Is given back before its end, once."""
        clock = Clock()
        turns = Turns(clock, 1)
        slow: Deferred[None] = Deferred()

        async def work() -> None:
            async with turns.turn("a", at_most=5):
                await slow

        Deferred.fromCoroutine(work())
        following = turns.acquire("b"), turns.acquire("c")
        clock.advance(5)
        self.successResultOf(following[0])
        slow.callback(None)
        self.assertNoResult(following[1])

    @given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 4))
    def test_everybody_is_served_once(self, groups: list[str], limit: int) -> None:
        """Whatever the order: nobody is forgotten, and the limit holds at every moment."""
        turns = Turns(Clock(), limit)
        served: Counter[str] = Counter()

        def serve(_: None, group: str) -> None:
            served.update(group)

        for group in groups:
            turns.acquire(group).addCallback(serve, group)
        self.assertEqual(served.total(), min(limit, len(groups)))
        for count in range(len(groups)):
            turns.release()
            self.assertEqual(served.total(), min(limit + count + 1, len(groups)))
        self.assertEqual(served, Counter(groups))
        self.assertEqual(turns.waiting(), 0)


class PaceTests(SynchronousTestCase):
    """How many turns there are."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock, 16)
        self.asked = 0
        self.pace = Pace(self.clock, self.turns, lambda: self.asked)
        self.want(20)

    def want(self, count: int) -> None:
        """So many want a turn."""
        for _ in range(count):
            self.turns.acquire("a")
        self.pace.watch()

    def test_late(self) -> None:
        """There are few turns to begin with; while timers come late there are fewer, but some."""
        self.assertEqual(self.turns.limit, 8)
        for expected in (6, 4, 4):
            self.clock.advance(0.2)
            self.assertEqual(self.turns.limit, expected)

    def test_in_time(self) -> None:
        """When they come in time, there is one more at a time, up to what is wanted."""
        self.clock.pump([0.1] * 3)
        self.assertEqual(self.turns.limit, 11)
        self.want(20)
        self.clock.pump([0.1] * 9)
        self.assertEqual(self.turns.limit, 16)

    def test_more_than_needed(self) -> None:
        """There are no more when nobody waits for one."""
        for _ in range(12):
            self.turns.release()
        self.clock.pump([0.1] * 5)
        self.assertEqual((self.turns.taken(), self.turns.limit), (8, 8))

    def test_somebody_asks(self) -> None:
        """Then less lateness is too much, until nobody has asked for a while."""
        self.clock.advance(0.11)
        self.assertEqual(self.turns.limit, 9)
        self.asked += 1
        self.clock.advance(0.11)
        self.assertEqual(self.turns.limit, 6)
        for _ in range(9):
            self.clock.advance(0.11)
        self.assertEqual(self.turns.limit, 4)
        for _ in range(3):
            self.clock.advance(0.11)
        self.assertEqual(self.turns.limit, 7)

    def test_somebody_asks_and_is_answered(self) -> None:
        """It takes longer until there is more."""
        for _ in range(4):
            self.asked += 1
            self.clock.advance(0.1)
        self.assertEqual(self.turns.limit, 8)
        for _ in range(5):
            self.asked += 1
            self.clock.advance(0.1)
        self.assertEqual(self.turns.limit, 9)
        self.clock.pump([0.1] * 12)
        self.assertGreater(self.turns.limit, 10)

    def test_nothing_to_do(self) -> None:
        """Nobody has a turn: no timer is left."""
        for _ in range(20):
            self.turns.release()
        self.clock.pump([0.1] * 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.pace.watch()
        self.pace.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
