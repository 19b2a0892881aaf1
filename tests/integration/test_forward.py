"""A smart proxy of ours that relays to a core: of ours, and one that only records what it is asked."""

from __future__ import annotations

import re
import socket
import uuid
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.client import ResponseFailed
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.support.http import Client
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port


class Recorder(Resource):
    """A core that records requests and answers as told."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.answer = b"{}"
        self.cut = False

    def render(self, request: Any) -> Any:
        """Record."""
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self.requests.append((request.method.decode(), request.uri.decode(), headers, request.content.read()))
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"location", b"../elsewhere")
        if self.cut:
            request.setHeader(b"content-length", b"1000")
            request.write(b"{")
            real: Any = reactor
            real.callLater(0.2, request.transport.abortConnection)
            return NOT_DONE_YET
        return self.answer


class ForwardTestCase(TestCase):
    """Has a proxy."""

    timeout = 300

    async def start_proxy(self, core_url: str) -> Client:
        """Start one on plain HTTP."""
        port = free_port()
        self.proxy = ServiceProcess({"http_port": port, "bind_host": "127.0.0.1", "core_url": core_url})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.proxy.stop()))
        await self.proxy.start()
        self.url = f"http://127.0.0.1:{port}"
        return Client(reactor, self.url)


class CoreTests(ForwardTestCase):
    """Before a core of ours."""

    async def start(self) -> Client:
        """Start both."""
        self.core = ServiceProcess({})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.core.stop()))
        await self.core.start()
        return await self.start_proxy(self.core.url)

    async def test_a_task(self) -> None:
        """From launch to the end, as if the core were here; the features have its operations."""
        client = await self.start()
        key = str(uuid.uuid4())
        launched = {"operation": "ssh", "input": {key: {"action_class": "Rig::WaitForUpdate", "action_input": {}}}}
        answer = await client.request("POST", "/dynflow/tasks/launch", launched, {"X-Request-Id": "foreman-1"})
        self.assertEqual(answer.json["parent"]["result"], "success")
        status = await client.request("GET", f"/dynflow/tasks/{key}/status")
        self.assertEqual(status.json["actions"][0]["input"]["callback_host"], self.url)
        self.assertEqual(status.json["actions"][0]["input"]["current_request_id"], "foreman-1")
        await client.until("/dynflow/tasks/count?state=running", lambda found: found["count"] == 1)
        features = (await client.request("GET", "/v2/features")).json
        self.assertEqual(features["dynflow"]["capabilities"], ["rig-group", "single", "ssh"])
        page = await client.request("GET", f"/dynflow/console/{key}")
        self.assertEqual(page.status, 200)
        self.assertEqual(set(re.findall(rb'(?:href|src|action)="(/[^/"]*)', page.content)), {b"/dynflow"})
        reply = await client.request("POST", f"/dynflow/tasks/{key}/update", {"step_id": 2, "finish": True})
        self.assertEqual((reply.status, reply.content), (200, b""))
        await client.until(f"/dynflow/tasks/{key}/status", lambda found: found["state"] == "stopped")

    async def test_buttons_of_the_console(self) -> None:
        """Work from the proxy's pages, and lead back to them."""
        client = await self.start()
        key = str(uuid.uuid4())
        launched = {"operation": "ssh", "input": {key: {"action_class": "Rig::WaitForUpdate", "action_input": {}}}}
        await client.request("POST", "/dynflow/tasks/launch", launched)
        pressed = await client.press(f"/dynflow/console/{key}/cancel", self.url)
        self.assertEqual((pressed.status, pressed.headers["location"]), (303, f"/dynflow/console/{key}"))
        foreign = await client.press(f"/dynflow/console/{key}/cancel", "http://evil.example.org")
        self.assertEqual(foreign.status, 403)

    async def test_a_path_in_disguise(self) -> None:
        """Gives nobody a role: what is let in as a request of Foreman's cannot do what admins do."""
        client = await self.start()
        for path in ("/dynflow/%61pi/drain", "/dynflow/tasks/x/../../api/drain"):
            self.assertIn((await client.request("POST", path, {"draining": True})).status, (403, 404), path)
        self.assertEqual((await client.request("POST", "/dynflow/api/drain", {"draining": True})).status, 200)

    async def test_one_time_passwords(self) -> None:
        """Are checked where they are known."""
        client = await self.start()
        body = {"action_class": "Rig::WaitForUpdate", "action_input": {"otp": True}}
        answer = await client.request("POST", "/dynflow/tasks/launch", {"operation": "single", "input": body})
        task = answer.json["task_id"]
        wrong = await client.request(
            "POST", f"/dynflow/tasks/{task}/update", {"step_id": 2}, {"Authorization": "Basic eDp5"}
        )
        self.assertEqual(wrong.status, 403)

    async def test_a_core_that_is_gone(self) -> None:
        """Is a clear answer, and the next request finds it when it is back."""
        client = await self.start()
        await self.core.stop()
        gone = await client.request("GET", "/dynflow/tasks/count")
        self.assertEqual(gone.status, 502)
        self.assertIn("Is it running", gone.json["error"])
        self.assertEqual((await client.request("GET", "/v2/features")).json["dynflow"]["capabilities"], [])
        await self.core.start()
        self.assertEqual((await client.request("GET", "/dynflow/tasks/count")).status, 200)


class RecordingTests(ForwardTestCase):
    """What a core is asked."""

    async def start(self) -> Client:
        """Start the proxy before a recorder."""
        self.recorder = Recorder()
        real: Any = reactor
        port = real.listenTCP(0, Site(self.recorder), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return await self.start_proxy(f"http://127.0.0.1:{port.getHost().port}/")

    async def test_requests(self) -> None:
        """The prefix is cut off once; headers are those that the Ruby plugin sends (forwarder-v0.2.4-basic)."""
        client = await self.start()
        query = "state=a%20b&f%5B%5D=1&f%5B%5D=2"
        await client.request("GET", f"/dynflow/tasks/count?{query}", None, {"Authorization": "Basic eDp5"})
        method, uri, headers, _ = self.recorder.requests[0]
        self.assertEqual((method, uri), ("GET", f"/tasks/count?{query}"))
        self.assertEqual(headers["x-forwarded-for"], self.url.removeprefix("http://"))
        self.assertEqual((headers["authorization"], headers["content-type"]), ("Basic eDp5", "application/json"))
        self.assertNotIn("cookie", headers)
        self.assertEqual(headers["x-forwarded-role"], "none")
        await client.request("GET", "/dynflow")
        self.assertEqual(self.recorder.requests[1][1], "/")
        await client.request("GET", "/dynflow/console", None, {"X-Forwarded-Role": "viewer"})
        self.assertEqual(self.recorder.requests[2][2]["x-forwarded-role"], "viewer")

    async def test_large_bodies(self) -> None:
        """Both ways, byte for byte."""
        client = await self.start()
        sent = "x" * 2_000_000
        self.recorder.answer = bytes(range(256)) * 20_000
        reply = await client.request("POST", "/dynflow/tasks/launch", f'"{sent}"')
        self.assertEqual(self.recorder.requests[0][3], f'"{sent}"'.encode())
        self.assertEqual(reply.content, self.recorder.answer)
        self.assertEqual(reply.headers["location"], "../elsewhere")

    async def test_an_answer_that_is_cut(self) -> None:
        """Is not passed on as if it were whole."""
        client = await self.start()
        self.recorder.cut = True
        with self.assertRaises((ConnectionDone, ConnectionLost, ResponseFailed)):
            await client.request("GET", "/dynflow/tasks/count")

    async def test_paths_that_pretend(self) -> None:
        """A core that tidies up paths must not find another route than the one that was allowed."""
        await self.start()
        for path in ("console/../tasks/count", "console/%2e%2e/tasks/count", "tasks/a/..%2fcount", "console/..\\tasks"):
            request = f"GET /dynflow/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            answer = await deferToThread(self.send_raw, request)
            self.assertIn(b" 404 ", answer.split(b"\r\n")[0], path)
        self.assertEqual(self.recorder.requests, [])

    def send_raw(self, data: bytes) -> bytes:
        """What comes back first; clients would tidy up the path themselves."""
        port = int(self.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(data)
            return connection.recv(65536)

    async def test_who_may_ask(self) -> None:
        """Is decided before the core is asked; a script with its password is let through, to that path only."""
        client = await self.start()
        await self.proxy.stop()
        settings = self.proxy.folder / "settings.yml"
        settings.write_text(settings.read_text() + "\n:trusted_hosts: []\n")
        await self.proxy.start()
        auth = {"Authorization": "Basic eDp5"}
        for path in ("/dynflow/tasks/count", "/dynflow/tasks/a/done/status", "/dynflow/console"):
            self.assertEqual((await client.request("GET", path, None, auth)).status, 403, path)
        self.assertEqual((await client.request("POST", "/dynflow/tasks/a/done", {})).status, 403)
        self.assertEqual(self.recorder.requests, [])
        self.assertEqual((await client.request("POST", "/dynflow/tasks/a/done", {}, auth)).status, 200)
