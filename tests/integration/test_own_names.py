"""Requests without TLS from this machine, under its own names and under those of others."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

REBOUND = "rebound.example.net"
"""A site whose name its owner lets lead to 127.0.0.1."""

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class OwnNamesTests(TestCase):
    """A page of another site is not let in because a browser on this machine shows it."""

    timeout = 240

    async def start(self, **settings: Any) -> ServiceProcess:
        """Start a service."""
        service = ServiceProcess(settings)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        return service

    async def ask(self, port: int, host: str, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and body, as a browser asks that shows a page of C{host}'s."""
        return await deferToThread(self._ask, port, host, method, path, body, BROWSER)

    def _ask(self, port: int, host: str, method: str, path: str, body: Any, browser: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            origin = {} if method == "GET" else {"Origin": f"http://{host}"}
            headers = {"Host": host, "User-Agent": browser} | origin
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    async def test_a_core(self) -> None:
        """Neither shows nor does anything for a foreign name, also in the console; its own names are as before."""
        service = await self.start()
        launch = {"operation": "single", "input": {"action_class": "Rig::WaitForUpdate", "action_input": {}}}
        deeds: tuple[tuple[str, str, Any], ...] = (
            ("POST", "/tasks/launch", launch),
            ("GET", "/tasks/count", None),
            ("GET", "/console", None),
            ("GET", "/api/tasks", None),
        )
        for method, path, body in deeds:
            status, said = await self.ask(service.port, f"{REBOUND}:{service.port}", method, path, body)
            self.assertEqual(status, 403, path)
            self.assertIn(f"{REBOUND}:{service.port} is no name of this machine", said)
        for name in ("localhost", "127.0.0.1", "[::1]", socket.gethostname()):
            for method, path, body in deeds:
                answered = await self.ask(service.port, f"{name}:{service.port}", method, path, body)
                self.assertEqual(answered[0], 200, (name, path))

    async def test_a_relay(self) -> None:
        """Asks its core by the core's own name, and nothing for a foreign one."""
        core = await self.start()
        port = free_port()
        await self.start(http_port=port, bind_host="127.0.0.1", core_url=core.url)
        self.assertEqual((await self.ask(port, f"localhost:{port}", "GET", "/dynflow/tasks/count"))[0], 200)
        status, said = await self.ask(port, f"{REBOUND}:{port}", "GET", "/dynflow/tasks/count")
        self.assertEqual(status, 403)
        self.assertIn("is no name of this machine", said)
        self.assertEqual(core.log.read_text().count("GET /tasks/count from"), 1)

    async def test_trusted_names_of_this_machine(self) -> None:
        """Are no way around it: the page comes from here, but it is not ours."""
        port = free_port()
        await self.start(http_port=port, bind_host="127.0.0.1", trusted_hosts=["localhost"])
        self.assertEqual((await self.ask(port, "localhost", "GET", "/dynflow/tasks/count"))[0], 200)
        self.assertEqual((await self.ask(port, REBOUND, "GET", "/dynflow/tasks/count"))[0], 403)

    async def test_a_program(self) -> None:
        """Is no browser, and asks by whatever name it has been given: a web server that relays, for one."""
        service = await self.start()
        asked = (service.port, "proxy.example.org:9090", "GET", "/tasks/count", None, "Ruby")
        self.assertEqual((await deferToThread(self._ask, *asked))[0], 200)
