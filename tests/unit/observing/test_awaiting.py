"""Where coroutines stand."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.aio import Spawner, begin, deadline
from smartdyn.observing.awaiting import awaited


class AwaitingTests(SynchronousTestCase):
    """L{awaited}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.spawner = Spawner(self.clock)
        self.end: Deferred[None] = Deferred()
        self.addCleanup(self.end.callback, None)

    async def inner(self, password: str) -> None:
        """Wait for the test."""
        await self.end

    async def outer(self) -> None:
        """Wait for L{inner}."""
        await self.inner("planted")

    async def hurried(self) -> None:
        """Wait for L{outer}, but not for ever."""
        await deadline(self.clock, 10, "the test", begin(self.outer()))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for the test before it is entered."""
        await self.end
        yield

    async def in_a_place(self) -> None:
        """Enter one."""
        async with self.place():
            pass

    def places(self) -> list[str]:
        """Where the only thing that runs stands: file and function."""
        (work,) = self.spawner.running()
        found = awaited(work.coroutine)
        return [re.sub(r":\d+ (.*\.)?", " ", place) for place in found]

    def test_functions_that_wait_for_each_other(self) -> None:
        """They are told from the outside in, with file, line and name, and nothing of what they have."""
        self.spawner.spawn("work", self.outer())
        (work,) = self.spawner.running()
        outer, inner = awaited(work.coroutine)
        self.assertRegex(outer, r"^observing/test_awaiting.py:\d+ AwaitingTests.outer$")
        self.assertRegex(inner, r"^observing/test_awaiting.py:\d+ AwaitingTests.inner$")

    def test_behind_a_deadline(self) -> None:
        """A coroutine that was begun on its own and is waited for is seen too."""
        self.spawner.spawn("work", self.hurried())
        here = "observing/test_awaiting.py"
        expected = [f"{here} hurried", "smartdyn/aio.py deadline", f"{here} outer", f"{here} inner"]
        self.assertEqual(self.places(), expected)

    def test_behind_a_context_manager(self) -> None:
        """Likewise what is waited for before a block is entered."""
        self.spawner.spawn("work", self.in_a_place())
        here = "observing/test_awaiting.py"
        self.assertEqual(self.places(), [f"{here} in_a_place", f"{here} place"])

    def test_what_is_over(self) -> None:
        """Stands nowhere."""
        work = self.outer()
        work.close()
        self.assertEqual(awaited(work), ())

    def test_since_when(self) -> None:
        """Each piece of work knows when it was begun."""
        self.clock.advance(3)
        self.spawner.spawn("work", self.outer())
        (work,) = self.spawner.running()
        self.assertEqual((work.name, work.since, self.spawner.count()), ("work", 3.0, 1))
