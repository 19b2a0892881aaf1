"""Recordings of what surrounds scripts: features, groups, the old core, cancelled parents, restarts, an outage."""

from __future__ import annotations

import json
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.support.http import Client
from tests.support.replay import GOLDEN, Replay, ReplayTestCase, comparable, has_output, mapped, without
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port


class ProxyTests(ReplayTestCase):
    """What Foreman reads of a smart proxy."""

    async def start(self, **settings: Any) -> None:
        """Start it as a smart proxy on plain HTTP."""
        port = free_port()
        await super().start(http_port=port, bind_host="127.0.0.1", **settings)
        self.client = Client(reactor, f"http://127.0.0.1:{port}")

    async def test_meta(self) -> None:
        """Its features, its key, and what is not there."""
        await self.replay("meta", edit=as_registered, better={"GET /ssh/jobs": None})

    async def test_plain_listener(self) -> None:
        """A plain port without trusted hosts is open, as in the reference."""
        await self.replay(
            "tls-http-listener",
            edit=as_registered,
            better={
                "GET /ssh/jobs": None,
                "GET /ssh/jobs/ID": None,
                "POST /ssh/session": None,
                "GET /dynflow/console/stylesheets/application.css": None,
            },
        )


class GroupTests(ReplayTestCase):
    """One runner for many hosts."""

    async def test_success(self) -> None:
        """Those without an exit of their own have the runner's."""
        await self.replay("group-ok")

    async def test_a_failing_runner(self) -> None:
        """The hosts' own exits count all the same."""
        await self.replay("group-main-exit-1")

    async def test_time_limit(self) -> None:
        """The runner is stopped, and every host with it; the group is done at once, not with the next look at it."""
        await self.replay("group-timeout", better={"POST /dynflow/tasks/status": None})

    async def test_operations(self) -> None:
        """A group is an operation like the others."""
        await self.replay("group-operations", edit=as_registered)

    async def test_foreman_stumbles(self) -> None:
        """The reference gives up; here the callback is sent again, and nobody's result suffers."""
        await self.replay("group-foreman-500", edit=without("state", "result", "results"))


class CoreTests(ReplayTestCase):
    """The standalone core of old."""

    async def test_core(self) -> None:
        """Its requests are answered; flows are encoded as today, and a launch keeps the ids that it was given."""
        await self.replay(
            "core-v0.3.3-direct",
            edit=as_today,
            better={
                "POST /tasks/statuses": 200,
            },
        )


class EndTests(ReplayTestCase):
    """Jobs that the reference loses."""

    async def test_cancel_of_the_parent(self) -> None:
        """The reference does nothing; here its children are cancelled."""
        await self.start()
        replay = Replay("ssh-cancel-parent", {}, self.server.port)
        launch, _, cancel, *_ = replay.recording["exchanges"]
        await self.exchange(launch, replay)
        (child,) = launch["request"]["body"]["input"]
        await self.client.until(f"/tasks/{child}/status", has_output)
        reply = await self.client.request("POST", replay.adapt(cancel["request"]["path"]), "")
        self.assertEqual(reply.status, 200)
        ended = await self.client.until(f"/tasks/{child}/status", _has_ended)
        self.assertEqual(ended.json["actions"][1]["output"]["exit_status"], 255)
        await self.foreman.when_received(1)

    async def test_foreman_is_away(self) -> None:
        """The reference leaves the task paused with an error; here it has its true result, and Foreman hears of it."""
        port = free_port()
        await self.start(foreman_url=f"http://127.0.0.1:{port}")
        replay = Replay("callback-refused", {}, self.server.port)
        launch, _, last = replay.recording["exchanges"]
        await self.exchange(launch, replay)
        ended = await self.client.until(last["request"]["path"], _has_ended)
        self.assertEqual((ended.json["state"], ended.json["result"]), ("stopped", "success"))
        self.assertEqual(_outputs(ended.json), _outputs(last["response"]["body"]))

    async def restart(self, name: str) -> None:
        """The service ends while a script runs, and comes back."""
        await self.start()
        replay = Replay(name, {}, self.server.port)
        launch, look, *_, states, _ = replay.recording["exchanges"]
        other = {"operation": "single", "input": {"action_class": "Rig::WaitForUpdate", "action_input": {}}}
        waiting = (await self.client.request("POST", "/tasks/launch", other)).json["task_id"]
        child, _, recorded_waiting = states["request"]["body"]["task_ids"]
        replay.ids[recorded_waiting] = waiting
        await self.exchange(launch, replay)
        await self.client.until(look["request"]["path"], has_output)
        if name == "restart-kill":
            await self.service.kill()
        else:
            await self.service.stop()
        await self.service.start()
        shown = (await self.client.request("POST", "/tasks/status", replay.adapt(states["request"]["body"]))).json
        self.assertEqual({each["result"] for key, each in shown.items() if key in (child, waiting)}, {"pending"})
        ended = await self.client.until(look["request"]["path"], _has_ended)
        self.assertEqual((ended.json["state"], ended.json["result"]), ("stopped", "success"))
        self.assertEqual(_text(ended.json), "started\nfinished\n")
        await self.foreman.when_received(1)
        self.assertEqual(self.foreman.received[0].body["data"]["exit_status"], 0)

    async def test_kill(self) -> None:
        """The reference pauses the task for ever; here it goes on, and the script was not run again."""
        await self.restart("restart-kill")

    async def test_stop(self) -> None:
        """Likewise after a stop in good order."""
        await self.restart("restart-term")


class ForwarderTests(ReplayTestCase):
    """Requests as the Ruby plugin relays them."""

    async def test_requests(self) -> None:
        """Our core understands what the old plugin's forwarder sends, byte for byte."""
        service = ServiceProcess({})
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        recording = json.loads((GOLDEN / "forwarder-requests.json").read_text())
        for request in recording["requests"]:
            head = "\r\n".join([request["request_line"], *request["headers"]])
            answer = await deferToThread(_send, service.port, f"{head}\r\n\r\n{request['body'] or ''}".encode())
            status = int(answer.split(b" ", 2)[1])
            self.assertIn(status, {200, 400, 403, 404}, request["request_line"])
            if "/count" in request["request_line"] or "/operations" in request["request_line"]:
                self.assertEqual(status, 200)


def _send(port: int, data: bytes) -> bytes:
    """Everything that comes back for some bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(data)
        found = b""
        while block := connection.recv(65536):
            found += block
    return found


@mapped
def as_today(found: dict[str, Any]) -> dict[str, Any]:
    """What the core of old says in other words."""
    renamed = {"SmartProxyDynflowCore::Callback::Action": "Proxy::Dynflow::Callback::Action"}
    return {
        key: renamed.get(item, item) if key == "class" else item
        for key, item in found.items()
        if key not in {"run_flow", "finalize_flow", "otp"}
    }


def as_registered(body: Any) -> Any:
    """What Foreman makes of features and versions: the modules that run, and what they can do."""
    if isinstance(body, dict) and "modules" in body:
        return sorted(body["modules"])
    if isinstance(body, dict) and "info" in body:
        return body["info"]["failed_modules"]
    if isinstance(body, dict) and "dynflow" in body:
        return {name: (module["state"], module["settings"]) for name, module in body.items() if name != "logs"}
    if isinstance(body, list):
        return sorted(name for name in body if name != "rig-group")
    return body


def _has_ended(task: Any) -> bool:
    return bool(task["state"] == "stopped")


def _outputs(task: Any) -> Any:
    return comparable(task["actions"][1]["output"])


def _text(task: Any) -> str:
    return "".join(chunk["output"] for chunk in task["actions"][1]["output"]["result"])
