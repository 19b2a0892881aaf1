"""What is told of the inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.aio import Spawner
from smartdyn.observing.internals import Inspector


class World:
    """A life of the service."""

    id = "w1"

    def now(self) -> float:
        """The time at which it began."""
        return 5.0


@dataclass
class Few:
    """The parts that these tests need."""

    reactor: Clock
    spawners: dict[str, Spawner]
    world: World = field(default_factory=World)


def call(secret: str) -> None:
    """Something that is called later."""


class InspectorTests(SynchronousTestCase):
    """L{Inspector}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.spawners = {"jobs": Spawner(self.clock), "outbox": Spawner(self.clock)}
        parts: Any = Few(self.clock, self.spawners)
        self.inspector = Inspector(parts, "proxy.example.org", 7)
        self.end: Deferred[None] = Deferred()
        self.addCleanup(self.end.callback, None)

    async def work(self) -> None:
        """Wait for the test."""
        await self.end

    def test_timers(self) -> None:
        """What is due first comes first; functions are named, and what they are called with is not."""
        repeated = LoopingCall(call, "planted")
        repeated.clock = self.clock
        self.clock.callLater(3, partial(partial(call, "planted")))
        self.clock.callLater(1, self.work)
        self.clock.callLater(2, lambda: call("planted"))
        repeated.start(9, now=False)
        found = self.inspector.timers(0, 10)
        self.assertEqual([timer.due_in for timer in found.items], [1.0, 2.0, 3.0, 9.0])
        names = [timer.what.removeprefix(f"{__name__}.") for timer in found.items]
        lambda_ = "InspectorTests.test_timers.<locals>.<lambda>"
        self.assertEqual(names, ["InspectorTests.work", lambda_, "call", "twisted.internet.task.LoopingCall"])
        self.assertNotIn("planted", repr(found))
        repeated.stop()

    def test_pieces(self) -> None:
        """Of many, so many are told as are asked for, with their number and where to go on."""
        for seconds in range(5):
            self.clock.callLater(seconds, call, "x")
        found = self.inspector.timers(2, 2)
        self.assertEqual([timer.due_in for timer in found.items], [2.0, 3.0])
        self.assertEqual((found.total, found.following), (5, 4))
        self.assertIsNone(self.inspector.timers(4, 2).following)

    def test_coroutines(self) -> None:
        """Part by part, with their age and where they stand."""
        self.spawners["outbox"].spawn("a callback", self.work())
        self.clock.advance(4)
        self.spawners["jobs"].spawn("a runner", self.work())
        found = self.inspector.coroutines(0, 10)
        self.assertEqual(
            [(each.part, each.name, each.age) for each in found.items],
            [("jobs", "a runner", 0.0), ("outbox", "a callback", 4.0)],
        )
        self.assertIn("InspectorTests.work", found.items[0].awaits[0])
