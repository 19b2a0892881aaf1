"""Foreman is away while jobs end, with the service killed meanwhile or not."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.server import Site

from smartdyn.aio import sleep
from tests.support.foreman import Callbacks, RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

CLOCK: Any = reactor
JOBS = 200
AWAY = 60.0 if "SMARTDYN_SOAK" in os.environ else 4.0


class OutageTests(TestCase):
    """Two hundred jobs, and nobody to tell."""

    timeout = 400

    async def start(self, foreman_url: str) -> ServiceProcess:
        """Start a service whose jobs only seem to run."""
        lines = Path(self.mktemp()).absolute()
        lines.write_text("one line\n")
        service = ServiceProcess({"foreman_url": foreman_url}, {"REX_SIMULATE": "1", "REX_SIMULATE_PATH": str(lines)})
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        return service

    async def launch(self, client: Client, *ids: str) -> list[str]:
        """Run the jobs to their ends.

        @param ids: of the first jobs, when they matter.
        """
        jobs = {}
        for key in [*ids, *(str(uuid.uuid4()) for _ in range(JOBS - len(ids)))]:
            input = {"hostname": "h", "script": "true", "callback": {"task_id": key, "step_id": 3}}
            jobs[key] = {"action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript", "action_input": input}
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
        await client.until("/tasks/count?state=running", lambda found: found["count"] == 0)
        return list(jobs)

    async def outage(self, *, kill: bool) -> None:
        """Run the jobs while Foreman is away; then all of them are reported."""
        port = free_port()
        service = await self.start(f"http://127.0.0.1:{port}")
        client = Client(reactor, service.url)
        jobs = await self.launch(client)
        if kill:
            await service.kill()
            await service.start()
        await sleep(CLOCK, AWAY)
        states = (await client.request("POST", "/tasks/status", {"task_ids": jobs})).json
        self.assertEqual({(each["state"], each["result"]) for each in states.values()}, {("stopped", "success")})
        foreman = RecordingForeman()
        listening = CLOCK.listenTCP(port, Site(Callbacks(foreman)), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        await foreman.when_received(JOBS)
        await sleep(CLOCK, 1.0)
        heard = Counter(body["callback"]["task_id"] for body in foreman.delivered())
        self.assertEqual(heard, Counter(dict.fromkeys(jobs, 1)))

    async def test_away(self) -> None:
        """Each callback arrives once, when Foreman is back; meanwhile the tasks say how they ended."""
        await self.outage(kill=False)

    async def test_away_and_killed(self) -> None:
        """Likewise when the service is killed before anybody was told."""
        await self.outage(kill=True)

    async def poisoned(self, *, kill: bool) -> None:
        """Foreman cannot take one of the callbacks, nor any request that has it."""
        foreman = RecordingForeman([503])
        service = await self.start(foreman.start(reactor))
        self.addCleanup(lambda: Deferred.fromCoroutine(foreman.stop()))
        client = Client(reactor, service.url)
        poisoned = str(uuid.uuid4())
        foreman.poison.add(poisoned)
        jobs = await self.launch(client, poisoned)
        if kill:
            await service.kill()
            await service.start()

        def heard() -> Counter[str]:
            return Counter(body["callback"]["task_id"] for body in foreman.delivered())

        others = Counter(dict.fromkeys(jobs, 1)) - Counter([poisoned])
        while heard() != others:
            await sleep(CLOCK, 0.1)
        page = await client.request("GET", f"/console/{poisoned}")
        self.assertIn(b"Foreman could not be told yet", page.content)
        shown = await client.request("GET", f"/tasks/{poisoned}/status")
        self.assertEqual((shown.json["state"], shown.json["result"]), ("stopped", "success"))
        foreman.poison.clear()
        while heard() != Counter(jobs):
            await sleep(CLOCK, 0.1)

    async def test_poisoned(self) -> None:
        """The others are delivered, each once; the one is shown and tried again until Foreman can take it."""
        await self.poisoned(kill=False)

    async def test_poisoned_and_killed(self) -> None:
        """Likewise when the service is killed in the middle."""
        await self.poisoned(kill=True)
