"""Who may do what in the console, with real client certificates, also through a proxy that relays."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.certificates import Authority
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

CLOCK: Any = reactor
NAME = "localhost"
TASK = "0d5a1f9e-33f1-4f55-9f2c-6f2f1c0b7f11"
ROLES = {"viewer": ["*.viewers.test"], "operator": "ops-*.example.org", "admin": ["root.example.org"]}


class RoleTestCase(TestCase):
    """Has a CA, and a smart proxy with TLS, roles and a trusted Foreman."""

    timeout = 300

    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()).absolute())
        names = ("foreman.example.org", "eve.viewers.test", "ops-1.example.org", "root.example.org", "x.example.org")
        self.foreman, self.viewer, self.operator, self.admin, self.nobody = map(self.authority.issue, names)

    async def start(self, **settings: Any) -> None:
        """Start the proxy, and a task on it that waits."""
        self.port = free_port()
        certificate, key = self.authority.issue(NAME, file="server")
        self.service = await self.started(
            https_port=self.port,
            bind_host="127.0.0.1",
            ssl_ca_file=str(self.authority.path),
            ssl_certificate=str(certificate),
            ssl_private_key=str(key),
            trusted_hosts=["foreman.example.org"],
            console_roles=ROLES,
            **settings,
        )

    async def started(self, **settings: Any) -> ServiceProcess:
        """A service with some settings."""
        service = ServiceProcess(settings)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        return service

    async def ask(
        self, method: str, path: str, certificate: tuple[Path, Path] | None, body: Any = None
    ) -> tuple[int, str]:
        """Status and body; a POST without one is a button that is pressed."""
        return await deferToThread(self._ask, method, f"/dynflow{path}", certificate, body)

    def _ask(self, method: str, path: str, certificate: tuple[Path, Path] | None, body: Any) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        connection = http.client.HTTPSConnection(NAME, self.port, context=context, timeout=10)
        try:
            headers = {"Origin": f"https://{NAME}:{self.port}"} if method == "POST" else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    async def launch(self, certificate: tuple[Path, Path]) -> int:
        """The status of launching the task."""
        waiting = {"action_class": "Rig::WaitForUpdate", "action_input": {}}
        launched = {"operation": "ssh", "input": {TASK: waiting}}
        return (await self.ask("POST", "/tasks/launch", certificate, launched))[0]


class RoleTests(RoleTestCase):
    """The proxy itself."""

    async def test_who_may_do_what(self) -> None:
        """A viewer looks, an operator cancels, an admin halts, and it is known who did; nobody else is let in."""
        await self.start()
        for certificate in (self.viewer, self.operator, self.admin, self.nobody):
            self.assertEqual(await self.launch(certificate), 403)
        self.assertEqual(await self.launch(self.foreman), 200)
        page, halt, cancel = (f"/console/{TASK}{end}" for end in ("", "/halt", "/cancel"))

        self.assertEqual((await self.ask("GET", page, None))[0], 403)
        for stranger, name in ((self.nobody, "x.example.org"), (self.foreman, "foreman.example.org")):
            status, text = await self.ask("GET", page, stranger)
            self.assertEqual(status, 403)
            self.assertIn(f"{name} has no role in this console", text)
        status, text = await self.ask("GET", page, self.viewer)
        self.assertEqual((status, "/confirm/" in text), (200, False))
        status, text = await self.ask("POST", cancel, self.viewer)
        self.assertEqual(status, 403)
        self.assertIn("This needs the role operator; eve.viewers.test has the role viewer", text)

        status, text = await self.ask("GET", page, self.operator)
        self.assertEqual(("/confirm/cancel" in text, "/confirm/halt" in text), (True, False))
        self.assertEqual((await self.ask("POST", halt, self.operator))[0], 403)
        self.assertEqual((await self.ask("POST", halt, self.admin))[0], 303)
        self.assertEqual((await self.ask("POST", cancel, self.operator))[0], 303)
        status, text = await self.ask("GET", "/console/audit", self.viewer)
        self.assertIn("<td>root.example.org</td><td>127.0.0.1 (console)</td><td>halt</td>", text)
        self.assertIn("<td>ops-1.example.org</td><td>127.0.0.1 (console)</td><td>cancel</td>", text)

    async def test_without_console_auth(self) -> None:
        """Whoever shows no certificate may look, and no more."""
        await self.start(console_auth=False)
        self.assertEqual((await self.ask("GET", "/console", None))[0], 200)
        self.assertEqual((await self.ask("GET", "/console/bulk?what=cancel", None))[0], 403)

    async def test_other_roles_count_after_a_reload(self) -> None:
        """Nobody has to restart the service to let somebody in, or to shut somebody out."""
        await self.start()
        self.assertEqual((await self.ask("GET", "/console", self.nobody))[0], 403)
        self.service.set("console_roles", {"viewer": ["x.example.org"]})
        self.service.signal(signal.SIGHUP)
        for _ in range(200):
            if (await self.ask("GET", "/console", self.nobody))[0] == 200:
                break
            await deferLater(CLOCK, 0.05)
        self.assertEqual((await self.ask("GET", "/console", self.nobody))[0], 200)
        self.assertEqual((await self.ask("GET", "/console", self.admin))[0], 403)


class RelayTests(RoleTestCase):
    """Before a core elsewhere."""

    async def test_roles_go_along(self) -> None:
        """The core lets the proxy's visitor do what the proxy would, and knows who it was."""
        core = await self.started()
        await self.start(core_url=core.url)
        self.assertEqual(await self.launch(self.foreman), 200)
        halt = f"/console/{TASK}/halt"
        self.assertEqual((await self.ask("GET", "/console", self.nobody))[0], 403)
        status, text = await self.ask("POST", halt, self.operator)
        self.assertEqual((status, "This needs the role admin" in text), (403, True))
        for path, certificate, expected in (
            ("/api/tasks/nope/halt", self.operator, 403),
            ("/api/tasks/nope/halt", self.admin, 404),
            ("/api/run", self.admin, 403),
        ):
            self.assertEqual((await self.ask("POST", path, certificate))[0], expected, path)
        status, text = await self.ask("GET", "/api/tasks", self.viewer)
        self.assertEqual(status, 200)
        self.assertIn(TASK, [task["id"] for task in json.loads(text)["tasks"]])
        self.assertEqual((await self.ask("GET", "/api/tasks", self.nobody))[0], 403)
        self.assertEqual((await self.ask("POST", halt, self.admin))[0], 303)
        status, text = await self.ask("GET", "/console/audit", self.viewer)
        self.assertIn("<td>root.example.org through 127.0.0.1</td>", text)
