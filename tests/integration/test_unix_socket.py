"""The unix socket: who may use it, and that it is there after each start."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.support.service import ServiceProcess

_NOBODY = 65534
_ASK = """
import http.client, os, socket, sys
os.setgid({id}); os.setuid({id})
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/tasks/count")
answer = connection.getresponse()
print(answer.status, answer.read().decode())
"""


class UnixSocketTests(TestCase):
    """A service with a socket beside its database."""

    timeout = 300

    async def start(self, **settings: Any) -> ServiceProcess:
        """Start it."""
        service = ServiceProcess(settings)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        return service

    async def ask(self, service: ServiceProcess, path: str) -> tuple[int, str]:
        """What it answers to root."""

        def get() -> tuple[int, str]:
            connection = http.client.HTTPConnection("localhost", timeout=10)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(service.folder / "smartdyn.sock"))
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            finally:
                connection.close()

        return await deferToThread(get)

    async def test_whatever_the_ports_want(self) -> None:
        """The service's own account may do everything, also where a port lets in nobody without a certificate."""
        service = await self.start(trusted_hosts=[])
        self.assertEqual((service.folder / "smartdyn.sock").stat().st_mode & 0o777, 0o600)
        status, body = await self.ask(service, "/tasks/count")
        self.assertEqual((status, json.loads(body)["count"]), (200, 0))
        self.assertEqual((await self.ask(service, "/dynflow/console/forget-key?name=a"))[0], 200)

    async def test_after_a_kill(self) -> None:
        """What a killed service leaves is put out of the way; a stop in good order leaves nothing, deleted or not."""
        service = await self.start()
        await service.kill()
        self.assertTrue((service.folder / "smartdyn.sock").exists())
        await service.start()
        self.assertEqual((await self.ask(service, "/tasks/count"))[0], 200)
        await service.stop()
        self.assertFalse((service.folder / "smartdyn.sock").exists())
        await service.start()
        (service.folder / "smartdyn.sock").unlink()
        await service.stop()
        self.assertEqual(service.log.read_text().count("smartdyn has stopped"), 2)

    async def test_another_listener(self) -> None:
        """A socket that somebody listens on is theirs: the service says so and does not start."""
        service = ServiceProcess({"socket": "taken.sock"})
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(str(service.folder / "taken.sock"))
            taken.listen()
            process = service.launch()
            output, _ = await deferToThread(process.communicate, timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"Another process listens on", output)

    async def test_none_is_wanted(self) -> None:
        """An empty setting leaves it out."""
        service = await self.start(socket="")
        self.assertFalse((service.folder / "smartdyn.sock").exists())

    async def test_other_accounts(self) -> None:
        """Cannot connect; who could, because the mode was changed, is turned away by the name the kernel gives."""
        if os.geteuid() != 0:
            raise SkipTest("to be somebody else takes root")
        service = await self.start()
        path = service.folder / "smartdyn.sock"
        service.folder.chmod(0o755)

        def ask() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-c", _ASK.format(id=_NOBODY), str(path)],
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )

        self.assertIn("PermissionError", (await deferToThread(ask)).stderr)
        path.chmod(0o666)
        answer = (await deferToThread(ask)).stdout
        self.assertTrue(answer.startswith("403 "), answer)
        self.assertIn("This socket is for root, not for nobody. Use sudo.", answer)
