"""Nothing of a job is left on its host."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred

from tests.integration.test_script_runner import ScriptTestCase
from tests.support.context import MemoryContext


class _StoppedAtTheEnd(MemoryContext):
    """A service that stops as soon as a job's exit status is stored."""

    running: Deferred[None]

    def exit(self, status: int | str, *, timestamp: float | None = None) -> Deferred[None]:
        """Store it."""
        clock: Any = reactor
        clock.callLater(0, self.running.cancel)
        return super().exit(status, timestamp=timestamp)


class LeftoverTests(ScriptTestCase):
    """When the service stops."""

    async def test_a_service_that_stops_while_a_host_cleans_up(self) -> None:
        """The job is over, so nobody would come back for its directory: it is waited for."""
        context = _StoppedAtTheEnd()
        context.running = Deferred.fromCoroutine(self.runner("exit 3").run(context, resumed=False))
        await self.assertFailure(context.running, CancelledError)
        self.assertEqual((context.status, self.left_behind()), (3, []))
