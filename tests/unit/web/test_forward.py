"""A relay before a core that does not answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.web.authorization import Policy
from smartdyn.web.forward import Forwarder
from smartdyn.web.root import make_app

RECORDING = Path(__file__).parents[2] / "golden/forwarder-core-65s.json"


class SilentAgent:
    """Asks a core that takes requests and says nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.given_up = 0

    def request(self, method: bytes, uri: bytes, headers: Any = None, body: Any = None) -> Deferred[Any]:
        """Keep what is asked."""
        self.asked.append(f"{method.decode()} {uri.decode()}")
        return Deferred(self._give_up)

    def _give_up(self, _: object) -> None:
        self.given_up += 1


class SlowCoreTests(SynchronousTestCase):
    """L{Forwarder}."""

    def test_a_core_that_takes_too_long(self) -> None:
        """Is given up after a minute, as in the recording, with a reason; it is asked once, a GET as well as a POST."""

        async def ready() -> None:
            return None

        clock, agent = Clock(), SilentAgent()
        forwarder = Forwarder(clock, agent, "http://core.test", Policy())
        treq: Any = StubTreq(make_app(forwarder.routes(), [], ready, ("",), Policy()).resource())
        for number, each in enumerate(json.loads(RECORDING.read_text())["exchanges"], 1):
            url = f"http://127.0.0.1{each['path']}"
            sent = treq.request(each["method"], url, data=each["body"], headers=each["headers"])
            treq.flush()
            clock.advance(59.9)
            treq.flush()
            self.assertNoResult(sent)
            clock.advance(0.2)
            treq.flush()
            response = self.successResultOf(sent)
            said = self.successResultOf(response.json())
            self.assertEqual((response.code, len(agent.asked), agent.given_up), (504, number, number))
            self.assertIn("Look at the core's log", said["error"])
        self.assertEqual(agent.asked, ["POST http://core.test/tasks/launch", "GET http://core.test/tasks/count"])
