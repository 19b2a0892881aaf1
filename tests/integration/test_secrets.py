"""Sixty secrets of all kinds are planted in a service that logs everything, and looked for wherever one might look."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from tests.integration.test_service import ServiceTestCase
from tests.support import sshd
from tests.support.http import Client
from tests.support.plants import Plants
from tests.support.service import ServiceProcess
from tests.support.sshd import PASSPHRASE, password_of

_EVERYTHING = {"log_level": "DEBUG", "log_levels": {"ssh": "debug", "twisted": "debug"}}
_BAD_BODIES = (
    '{"operation": {"password": "%s"}}',
    '{"operation": "ssh", "input": "%s"}',
    '{"operation": "ssh", "input": {"x": "%s"}}',
    '{"operation": "ssh", "input": {"x": {"action_class": ["%s"]}}}',
    '{"operation": "single", "input": ["%s"]}',
    '{"operation": "single", "options": "%s", "input": {}}',
    '{"secrets": "%s"',
    "%s",
    '["%s"]',
)
_HEADERS = ("Authorization", "Proxy-Authorization", "Cookie", "X-Auth-Token", "X-Api-Key", "Referer", "User-Agent")


class SecretTests(ServiceTestCase):
    """What is planted is nowhere."""

    timeout = 300

    async def test_sixty_secrets(self) -> None:
        """Neither log, database, metrics, pages, answers nor callbacks show one, though each was used or refused."""
        self.plants = Plants()
        self.sshd = sshd.shared()
        service, client = await self.start(
            {name: self.plants(f"environment {name}") for name in ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "API_TOKEN")},
            ssh_identity_key_file=str(self.sshd.key("locked")),
            mqtt_broker=self.plants("a setting without effect"),
            **_EVERYTHING,
        )
        self.seen: dict[str, bytes] = {}
        tasks = await self.run_jobs(client)
        await self.send_bad_requests(client)
        await self.send_raw(service)
        await self.look(service, client, tasks)
        await service.stop()
        self.read_files(service, "after the end")
        self.assertGreaterEqual(len(self.plants.all), 60)
        with_tasks = [name for name in self.seen if name.startswith("task ")]
        self.assertEqual(self.plants.found(self.seen, shown_with_tasks=with_tasks), [])
        self.assertIn(b"[hidden]", self.seen[f"task 0 /tasks/{tasks[0]}/status"])
        self.assertIn(b"agreed with 127.0.0.1 on", self.seen["log"])

    async def run_jobs(self, client: Client) -> list[str]:
        """Jobs that end in all ways, and actions that are careless."""
        inputs = dict(self.jobs())
        body = {"operation": "ssh", "input": inputs}
        self.seen["answer to the launch"] = (await client.request("POST", "/tasks/launch", body)).content
        await self.foreman.when_received(len(inputs))
        careless = []
        for fail_in in ("plan", "run"):
            secret = {"password": self.plants(f"an action that fails in its {fail_in} phase")}
            action = {"action_class": "Rig::Careless", "action_input": {"fail_in": fail_in, "secrets": secret}}
            answer = await client.request("POST", "/tasks/launch", {"operation": "single", "input": action})
            self.seen[f"answer of the {fail_in} phase"] = answer.content
            careless += [answer.json["task_id"]] if "task_id" in answer.json else []
        old = self.job("true", secrets={"ssh_password": self.plants("a job of the old route")})["action_input"]
        answer = await client.request("POST", "/tasks", {"action_name": "RunScript", "action_input": old})
        self.seen["answer of the old route"] = answer.content
        given = {
            name: self.plants(f"{name} of the command line") for name in ("ssh_password", "effective_user_password")
        }
        run = {"host": "127.0.0.1", "port": self.sshd.port, "script": "true", "effective_user": "rexeff", **given}
        answer = await client.request("POST", "/api/run", run)
        self.seen["answer to the command line"] = answer.content
        careless.append(answer.json["task_id"])
        for task in careless:
            await client.until(f"/tasks/{task}/status", lambda found: found["state"] in {"stopped", "paused"})
        self.seen["callbacks"] = repr(self.foreman.received).encode()
        return [*inputs, *careless]

    def jobs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """By the id of their task."""
        plants = self.plants
        right = {"key_passphrase": plants("the key's passphrase", PASSPHRASE)}
        account = {"ssh_user": "rexpw", "effective_user": "root", "effective_user_method": "sudo"}
        password = plants("the password of an account", password_of("rexpw"))
        wrong = ("ssh_password", "key_passphrase", "effective_user_password")
        for what, secrets, more in (
            ("works", right, {}),
            ("works with sudo", {"ssh_password": password, "effective_user_password": password}, account),
            ("cannot log in", {}, {"ssh_user": "nosuchuser"}),
            ("has no host", {}, {"ssh_port": 1}),
            ("has an odd host", {}, {"hostname": "no host at all"}),
            ("cannot change the user", {"ssh_password": password}, account),
            ("asks for a method that does not exist", right, {"effective_user": "x", "effective_user_method": "magic"}),
        ):
            planted = {name: plants(f"{name} of a job that {what}") for name in wrong if name not in secrets}
            others = {"of_a_plugin": {"deep": [plants(f"something deep of a job that {what}"), 7]}}
            script = f"echo begun\nTOKEN='{plants(f'the script of a job that {what}', is_input=True)}'\nexit 3\n"
            job = self.job(script, secrets={**planted, **secrets, **others}, **more)
            job["action_input"]["proxy_url"] = f"https://jane:{plants('an address', is_input=True)}@proxy.example.org"
            yield str(uuid.uuid4()), job

    async def send_bad_requests(self, client: Client) -> None:
        """Bodies that cannot be understood, credentials of all kinds, and parameters."""
        for number, body in enumerate(_BAD_BODIES):
            for path in ("/tasks/launch", "/api/run", "/api/bulk", "/tasks/nosuchtask/done")[number % 2 :: 2]:
                text = body.replace("%s", self.plants(f"a bad body for {path}"))
                answer = await client.request("POST", path, text)
                self.seen[f"answer to bad body {number} at {path}"] = answer.content
        for name in _HEADERS:
            secret = self.plants(f"the header {name}").encode().decode("latin-1")
            for path in ("/tasks/count", "/nosuchpage", "/console"):
                answer = await client.request("GET", path, headers={name: secret})
                self.seen[f"answer to {name} at {path}"] = answer.content
        basic = base64.b64encode(f"jane:{self.plants('a one-time password')}".encode()).decode()
        answer = await client.request("POST", "/tasks/x/done", {}, {"Authorization": f"Basic {basic}"})
        self.seen["answer to a one-time password"] = answer.content
        for path in ("/tasks/count", "/nosuchpage", "/tasks/x/status", "/logs"):
            answer = await client.request("GET", f"{path}?password={self.plants(f'a parameter of {path}')}")
            self.seen[f"answer to a parameter of {path}"] = answer.content

    async def send_raw(self, service: ServiceProcess) -> None:
        """What no client of ours would send."""
        for what, head in (
            ("an absolute address", "GET http://jane:{}@proxy.example.org/tasks/count HTTP/1.1\r\nHost: x"),
            ("a line that is none", "GET / HTTP/1.1\r\nHost: x\r\nAuthorization {}"),
            ("headers without end", "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}" + "x" * 20_000),
            ("a method", "{} / HTTP/1.1\r\nHost: x"),
        ):
            closed = Closed()
            await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", service.port), closed)
            wire: Any = closed.transport
            secret = self.plants(what) if what != "a method" else self.plants(what, f"M{uuid.uuid4().hex}")
            wire.write(f"{head.format(secret)}\r\nConnection: close\r\n\r\n".encode())
            self.seen[f"answer to {what}"] = await closed.said

    async def look(self, service: ServiceProcess, client: Client, tasks: list[str]) -> None:
        """Everywhere that somebody might look."""
        paths = [
            "/metrics",
            "/logs",
            "/console",
            "/console/status",
            "/console/audit",
            "/console/tasks",
            "/health/ready",
            "/api/tasks",
            "/api/hosts",
            "/api/queue",
        ]
        for path in paths:
            self.seen[path] = (await client.request("GET", path)).content
        for number, task in enumerate(tasks):
            api, page = f"/api/tasks/{task}", f"/console/{task}"
            for form in (f"/tasks/{task}/status", page, f"{page}/output", api, f"{api}/output"):
                self.seen[f"task {number} {form}"] = (await client.request("GET", form)).content
        self.read_files(service, "while it runs")

    def read_files(self, service: ServiceProcess, when: str) -> None:
        """Log, database and what is beside it."""
        for file in service.folder.glob("smartdyn.sqlite*"):
            # Scripts are a part of their tasks
            self.seen[f"task {file.name} {when}"] = file.read_bytes()
        self.seen["log"] = service.log.read_bytes()


class Closed(Protocol):
    """Keeps what a server says until it closes."""

    def __init__(self) -> None:
        self.said: Deferred[bytes] = Deferred()
        self._parts: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._parts.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.said.callback(b"".join(self._parts))
