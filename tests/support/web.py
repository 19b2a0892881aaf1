"""The whole web room on an engine in memory, reached through Klein's own routing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from treq.testing import StubTreq
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.front.listeners import CORE_PREFIXES
from smartdyn.metrics.http import HttpMeters
from smartdyn.model.overview import HealthItem
from smartdyn.rex.host_keys import HostKeys
from smartdyn.web.api import TaskApi
from smartdyn.web.authorization import Policy
from smartdyn.web.console.views import Console
from smartdyn.web.health import HealthApi
from smartdyn.web.management.routes import ManagementApi
from smartdyn.web.proxy_api import Metrics, ProxyApi, ProxyFacts
from smartdyn.web.root import make_app
from smartdyn.web.way import Way
from tests.support.engine import Engine
from tests.support.inside import Inside


class Nasty(Action):
    """Has markup wherever text can be."""

    class_name = "Nasty<script>alert(1)</script>"

    def plan(self, input: dict[str, Any]) -> None:
        """Name a nasty host."""
        self.works_on("<script>host</script>")
        self.plan_self(input)

    def run(self) -> None:
        """Fail nastily."""
        raise RuntimeError("<script>error</script>")


class WebTestCase(SynchronousTestCase):
    """Sends requests to an engine in memory, as if from this machine.

    @cvar actions: further ones that can be launched.
    """

    actions: tuple[type[Action], ...] = ()

    def setUp(self) -> None:
        self.engine = Engine((Nasty, *self.actions))
        self.policy = Policy()
        self.items = [HealthItem("database", True, "It answers.")]
        self.stuck: list[str] = []
        self.inside = Inside(self.engine.clock.seconds())
        self.folder = Path(self.mktemp())
        self.way = Way(Path("/var/lib/smartdyn/smartdyn.sock"))
        self.keys = HostKeys(self.folder / "known_hosts", None)
        self.make()

    def make(self) -> None:
        """Put the application together."""

        async def ready() -> None:
            return None

        facts = ProxyFacts("0.1.0", {"dynflow": ["single", "ssh"], "logs": [], "script": []}, {}, None)
        # Requests of treq's in-memory client have no IP address: they count as coming over a unix socket
        tasks, clock, meters = self.engine.tasks, self.engine.clock, HttpMeters()
        console = Console(tasks, clock.seconds, clock, self.keys, self.inside, meters, self.way)
        health = HealthApi(self.look, lambda: self.stuck)
        about = [*ProxyApi(facts, Metrics(CollectorRegistry(), ready)).routes(), *health.routes(), *self.more_routes()]
        management = ManagementApi(tasks, clock.seconds, clock, self.keys, meters)
        dynflow = [*TaskApi(self.engine.tasks).routes(), *management.routes(), *console.routes()]
        self.served = [route.key for route in (*dynflow, *about)]
        app = make_app(dynflow, about, ready, CORE_PREFIXES, self.policy)
        self.treq: Any = StubTreq(app.resource())

    async def look(self) -> list[HealthItem]:
        """How what the service needs is."""
        return self.items

    def more_routes(self) -> list[Any]:
        """Further ones at the root."""
        return []

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and body, parsed when it is JSON."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = self.treq.request(method, f"http://127.0.0.1{path}", data=data, headers=headers)
        self.treq.flush()
        response = self.successResultOf(sent)
        content = self.successResultOf(response.content())
        try:
            return response.code, json.loads(content)
        except ValueError:
            return response.code, content.decode()

    def launch(self, name: str, input: dict[str, Any] | None = None) -> str:
        """Launch one action."""
        body = {"operation": "single", "input": {"action_class": name, "action_input": input or {}}}
        task_id: str = self.request("POST", "/tasks/launch", body)[1]["task_id"]
        return task_id
