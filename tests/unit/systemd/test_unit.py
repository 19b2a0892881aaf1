"""What systemd hears in the life of a service."""

from __future__ import annotations

import uuid

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import StoreError
from smartdyn.systemd.notify import Notifier
from smartdyn.systemd.unit import Unit
from smartdyn.systemd.watchdog import Watchdog
from tests.support.notify import NotifySocket


class UnitTests(SynchronousTestCase):
    """L{Unit}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.heard = NotifySocket(f"@smartdyn-{uuid.uuid4()}")
        self.addCleanup(self.heard.close)
        self.notifier = Notifier(self.heard.address, self.clock.seconds)
        self.ready: Deferred[None] = Deferred()
        self.jobs = 0
        self.broken = False

    async def until_ready(self) -> None:
        """Comes back when the test says so."""
        await self.ready

    async def summary(self) -> str:
        """A line with the number of jobs."""
        if self.broken:
            raise StoreError("the disk is full")
        return f"{self.jobs} jobs"

    def unit(self, *, watched: bool = True) -> Unit:
        """A unit that has been started."""
        watchdog = Watchdog(self.clock, 60.0, list, self.notifier.alive) if watched else None
        unit = Unit(self.clock, self.notifier, watchdog, self.until_ready, self.summary)
        unit.startService()
        return unit

    def test_a_life(self) -> None:
        """Nothing before it is ready; then that, signs of life and what it does; at the end that it ends."""
        unit = self.unit()
        self.clock.advance(100)
        self.assertEqual(self.heard.read(), [])
        self.ready.callback(None)
        self.assertEqual(self.heard.read(), ["READY=1", "WATCHDOG=1", "STATUS=0 jobs"])
        self.jobs = 3
        self.clock.advance(10)
        self.assertEqual(self.heard.read(), ["STATUS=3 jobs"])
        self.successResultOf(unit.stopService())
        self.assertEqual(self.heard.read()[0], "STOPPING=1")
        self.clock.advance(100)
        self.assertEqual(self.heard.read(), [])

    def test_trouble_is_a_status(self) -> None:
        """When what it does cannot be known, the reason is shown."""
        unit = self.unit(watched=False)
        self.broken = True
        self.ready.callback(None)
        self.assertEqual(self.heard.read(), ["READY=1", "STATUS=the disk is full"])
        self.successResultOf(unit.stopService())

    def test_stopped_before_it_was_ready(self) -> None:
        """It never says that it was."""
        unit = self.unit()
        self.successResultOf(unit.stopService())
        self.ready.callback(None)
        self.assertNotIn("READY=1", self.heard.read())
