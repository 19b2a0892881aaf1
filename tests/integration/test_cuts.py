"""Scripts count while connections are cut and the service is killed: no number is lost, none comes twice."""

from __future__ import annotations

import os
import uuid
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smartdyn.aio import sleep
from tests.support import sshd
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.network import RemoteHost
from tests.support.service import ServiceProcess

SOAK = "SMARTDYN_SOAK" in os.environ
TROUBLES = 20 if SOAK else 6
AWAY = 30.0 if SOAK else 4.0
"""Seconds."""

JOBS = 5
NUMBERS = 1000
CLOCK: Any = reactor

_SCRIPT = """echo "$$" >> {starts}
i=0
while [ $i -lt {numbers} ]; do
  i=$((i + 1))
  echo $i
  [ $((i % 10)) -ne 0 ] || sleep {pause}
done
exit 7
"""


class CutTests(TestCase):
    """Troubles of all kinds, one after another, while scripts run."""

    timeout = 600

    async def start(self) -> None:
        """A host, a service and its Foreman."""
        self.server = sshd.shared()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.foreman = RecordingForeman()
        self.service = ServiceProcess(
            {"foreman_url": self.foreman.start(reactor), "ssh_identity_key_file": str(self.server.key())}
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.foreman.stop()))
        await self.service.start()
        self.client = Client(reactor, self.service.url)

    async def launch(self, host: str, port: int, pause: float) -> list[str]:
        """Launch the scripts.

        @return: their tasks.
        """
        jobs = {}
        for _ in range(JOBS):
            key = str(uuid.uuid4())
            script = _SCRIPT.format(starts=self.folder / key, numbers=NUMBERS, pause=pause)
            callback = {"task_id": key, "step_id": 3}
            input = {"hostname": host, "ssh_port": port, "ssh_user": "root", "script": script, "callback": callback}
            jobs[key] = {"action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript", "action_input": input}
        await self.client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
        for key in jobs:
            await self.client.until(f"/tasks/{key}/status", lambda found: found["actions"][1]["output"]["result"])
        return list(jobs)

    def check(self, tasks: list[str]) -> None:
        """Every number once and in order, the right exit status, one start."""
        self.assertEqual(len(self.foreman.delivered()), len(tasks))
        for body in self.foreman.delivered():
            text = "".join(chunk["output"] for chunk in body["data"]["result"] if chunk["output_type"] == "stdout")
            self.assertEqual(text.split(), [str(number) for number in range(1, NUMBERS + 1)])
            self.assertEqual(body["data"]["exit_status"], 7)
        for key in tasks:
            self.assertEqual(len((self.folder / key).read_text().split()), 1)

    async def test_network(self) -> None:
        """A cable that is pulled for a while, and the same with the service killed meanwhile."""
        await self.start()
        host = RemoteHost()
        await deferToThread(host.start)
        self.addCleanup(host.stop)
        await self.service.stop()
        self.service.set("ssh_identity_key_file", str(host.key()))
        await self.service.start()
        tasks = await self.launch(host.address, host.port, AWAY * 0.03)
        for troubles in ((), (self.kill,)):
            host.pull_cable()
            await sleep(CLOCK, AWAY / 2)
            for trouble in troubles:
                await trouble()
            await sleep(CLOCK, AWAY / 2)
            host.plug_cable()
            await sleep(CLOCK, 1.0)
        await self.foreman.when_received(len(tasks))
        self.check(tasks)

    async def cut(self) -> None:
        """Everything that serves a connection on the host is killed."""
        await deferToThread(self.server.kill_sessions)

    async def kill(self) -> None:
        """The service is killed without a word, and comes back."""
        await self.service.kill()
        await self.service.start()

    async def restart(self) -> None:
        """The service is stopped in good order, and comes back."""
        await self.service.stop()
        await self.service.start()

    async def test_troubles(self) -> None:
        """After connections that were cut, kills and restarts of the service, all jobs end as if nothing had been."""
        await self.start()
        tasks = await self.launch("127.0.0.1", self.server.port, TROUBLES * 0.03)
        for trouble in islice(cycle([self.cut, self.kill, self.restart]), TROUBLES):
            await trouble()
            await sleep(CLOCK, 1.0)
        await self.foreman.when_received(len(tasks))
        self.check(tasks)
