"""The recorded exchanges of the reference, replayed against the service with a real sshd and a recording Foreman.

Each recording is sent as it stands, with ids, ports and users put in place; the answers must mean the same. Where this
service answers better on purpose, L{IMPROVED} says what it answers instead.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support import sshd
from tests.support.foreman import RecordingForeman
from tests.support.http import Client, Reply
from tests.support.service import ServiceProcess

GOLDEN = Path(__file__).parents[1] / "golden"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VOLATILE = {
    "started_at",
    "ended_at",
    "real_time",
    "execution_time",
    "timestamp",
    "exit_status_timestamp",
    "time",
    "world_id",
    "runner_id",
    "callback_host",
    "callback",
    "current_request_id",
    "otp",
    "proxy_url",
    "ssh_port",
}
BATCH_COUNTS = {"total_count", "failed_count", "pending_count", "success_count"}


def improved_error(request: dict[str, Any], status: int) -> int | None:
    """The status that this service answers where the reference breaks; None when it answers the same."""
    path, body = request["path"], request["body"]
    if status != 500:
        return None
    if path.endswith("/cancel") or "/console/" in path:
        return 404
    if path.endswith("/statuses") and isinstance(body, dict):
        return 422
    if isinstance(body, dict) and body.get("operation") == "single":
        input = body.get("input") or {}
        known = str(input.get("action_class", "")).startswith("Rig::")
        return 200 if known else 404 if input.get("action_class") else 400
    return 400


def is_intermediate(request: dict[str, Any], recorded: dict[str, Any]) -> bool:
    """Is this a look at a task that is still going? What it shows depends on the moment."""
    looks = request["method"] == "GET" and request["path"].endswith("/status") and recorded["status"] == 200
    return bool(looks and recorded["body"]["state"] not in {"stopped", "paused"})


def is_reading(request: dict[str, Any]) -> bool:
    """Does this request change nothing, so that it can be repeated until the answer is there?"""
    return bool(request["path"].endswith(("/status", "/statuses")))


def later(seconds: float) -> Deferred[None]:
    """Fires after a while."""
    waiting: Deferred[None] = Deferred()
    clock: Any = reactor
    clock.callLater(seconds, waiting.callback, None)
    return waiting


class Replay:
    """One recording, being replayed."""

    def __init__(self, name: str, ids: dict[str, str], port: int) -> None:
        self.recording = json.loads((GOLDEN / f"{name}.json").read_text())
        self.ids = ids
        self._ports = {2222: port, 2223: sshd.free_port()}

    def adapt(self, value: Any) -> Any:
        """A recorded value with the ids and ports of this run."""
        if isinstance(value, dict):
            return {self.adapt(key): self._adapt_item(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.adapt(item) for item in value]
        if isinstance(value, str):
            return UUID.sub(lambda found: self.ids.get(found.group(), found.group()), value)
        return value

    def learn(self, recorded: Any, actual: Any) -> None:
        """Remember which id of this run stands for which recorded one."""
        if isinstance(recorded, dict) and isinstance(actual, dict):
            for key in recorded.keys() & actual.keys():
                self.learn(recorded[key], actual[key])
        elif isinstance(recorded, str) and isinstance(actual, str) and UUID.fullmatch(recorded):
            self.ids[recorded] = actual

    def _adapt_item(self, key: Any, item: Any) -> Any:
        return self._ports.get(item, item) if key == "ssh_port" else self.adapt(item)


def comparable(value: Any) -> Any:
    """C{value} without what differs from run to run; output as one text, whatever its pieces."""
    if isinstance(value, list):
        if value and all(isinstance(item, dict) and "output_type" in item for item in value):
            return [_joined(value)]
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key in VOLATILE:
            found[key] = None if item is None else "volatile"
        elif key == "secrets":
            found[key] = "secrets"
        elif key == "input" and "input_hash" in item:
            found[key] = sorted(item)
        elif key in BATCH_COUNTS:
            found[key] = "counted"
        else:
            found[key] = comparable(item)
    return found


def _joined(chunks: list[dict[str, Any]]) -> dict[str, str]:
    """All output by type."""
    texts: dict[str, str] = {}
    for chunk in chunks:
        texts[chunk["output_type"]] = texts.get(chunk["output_type"], "") + chunk["output"]
    return {kind: re.sub(r"port \d+", "port N", text) for kind, text in texts.items()}


class GoldenTests(TestCase):
    """Replays recordings."""

    timeout = 90

    async def replay(self, *names: str, edit: Callable[[Any], Any] = lambda value: value) -> None:
        """Replay recordings one after another, all their requests in the order in which they were made.

        @param edit: changes what is compared on both sides, where this service is better on purpose.
        """
        server = sshd.shared()
        foreman = RecordingForeman()
        service = ServiceProcess(
            {"foreman_url": foreman.start(reactor), "ssh_identity_key_file": str(server.key()), "kill_grace": 1}
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        self.addCleanup(lambda: Deferred.fromCoroutine(foreman.stop()))
        await service.start()
        client = Client(reactor, service.url)
        ids: dict[str, str] = {}
        replays = [Replay(name, ids, server.port) for name in names]
        exchanges = sorted(
            ((exchange, replay) for replay in replays for exchange in replay.recording["exchanges"]),
            key=lambda each: each[0]["at"],
        )
        for exchange, replay in exchanges:
            await self._exchange(client, exchange, replay, edit)
        for replay in replays:
            await self._callbacks(foreman, replay, edit)

    async def _exchange(
        self, client: Client, exchange: dict[str, Any], replay: Replay, edit: Callable[[Any], Any]
    ) -> None:
        request, recorded = exchange["request"], exchange["response"]
        if is_intermediate(request, recorded):
            path = replay.adapt(request["path"])
            shown = recorded["body"]["actions"]
            wants_output = any(action["output"].get("result") for action in shown)
            await client.until(path, lambda found: not wants_output or found["actions"][1]["output"]["result"])
            return
        if request["path"].endswith("/cancel"):
            # As in the recording, the job has had time to begin
            await later(1.5)
        for _ in range(150):
            try:
                await self._once(client, request, recorded, replay, edit)
                return
            except self.failureException:
                if not is_reading(request):
                    raise
            await later(0.1)
        await self._once(client, request, recorded, replay, edit)

    async def _once(
        self,
        client: Client,
        request: dict[str, Any],
        recorded: dict[str, Any],
        replay: Replay,
        edit: Callable[[Any], Any],
    ) -> None:
        """Send a request and compare the answer."""
        path = replay.adapt(request["path"])
        what = f"{request['method']} {path}"
        headers = await self._headers(client, request, replay)
        reply = await client.request(request["method"], path, replay.adapt(request["body"]), headers)
        better = improved_error(request, recorded["status"])
        self.assertEqual(reply.status, better or recorded["status"], f"{what}: {reply.content[:500]!r}")
        if better is not None:
            self._check_improved(request, reply)
            return
        if "text" in recorded:
            self.assertEqual(reply.content.decode(), recorded["text"], what)
        elif "body" in recorded:
            wanted = recorded["body"]
            replay.learn(wanted, reply.json)
            actual, expected = edit(self._shown(reply.json, wanted)), edit(comparable(replay.adapt(wanted)))
            self.assertEqual(actual, expected, f"{what}\n{actual}\n{expected}")

    def _shown(self, body: Any, wanted: Any) -> Any:
        """Our answer, without the entry per child that the reference does not give."""
        if isinstance(wanted, dict) and set(wanted) == {"parent"}:
            body = {"parent": body["parent"]}
        if isinstance(wanted, dict) and set(wanted) == {"count", "state"}:
            self.assertIsInstance(body["count"], int)
            body = {**body, "count": wanted["count"]}
        return comparable(body)

    async def _headers(self, client: Client, request: dict[str, Any], replay: Replay) -> dict[str, str]:
        """The recorded credentials with the ids, and the one-time password, of this run."""
        given = request["headers"].get("Authorization")
        if given is None:
            return {}
        scheme, _, token = given.partition(" ")
        try:
            user, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            return {"Authorization": given}
        user = replay.adapt(user)
        if len(password) == 32:
            owner = replay.adapt(request["path"].split("/")[-2])
            status = await client.until(f"/tasks/{owner}/status", lambda found: "otp" in found["actions"][0]["output"])
            password = status.json["actions"][0]["output"]["otp"]
        encoded = base64.b64encode(f"{user}{colon}{password}".encode()).decode()
        return {"Authorization": f"{scheme} {encoded}"}

    def _check_improved(self, request: dict[str, Any], reply: Reply) -> None:
        if reply.status >= 400 and "/console/" not in request["path"]:
            self.assertEqual(reply.headers["content-type"], "application/json")
            self.assertIn("error", reply.json)

    async def _callbacks(self, foreman: RecordingForeman, replay: Replay, edit: Callable[[Any], Any]) -> None:
        recorded = replay.recording["callbacks"]
        await foreman.when_received(sum(len(each["body"].get("callbacks", [1])) for each in recorded))

        if any("callbacks" in each["body"] for each in recorded):
            self._batches(foreman, replay)
            return

        def key(body: Any) -> str:
            return str(body["callback"]["task_id"])

        actual = {key(received.body): received.body for received in foreman.received}
        for each in recorded:
            body = replay.adapt(each["body"])
            found = actual[key(body)]
            self.assertEqual(found["callback"], body["callback"])
            self.assertEqual(edit(comparable(found["data"])), edit(comparable(body["data"])))
            self.assertEqual(each["path"].rstrip("?"), foreman.received[0].path)

    def _batches(self, foreman: RecordingForeman, replay: Replay) -> None:
        """One request for all, in the order of the launch."""
        for received, each in zip(foreman.received, replay.recording["callbacks"], strict=True):
            actual, recorded = received.body["callbacks"], replay.adapt(each["body"])["callbacks"]
            self.assertEqual([part["callback"] for part in actual], [part["callback"] for part in recorded])
            self.assertEqual(
                [comparable(part["data"]) for part in actual], [comparable(part["data"]) for part in recorded]
            )

    async def test_group(self) -> None:
        """Many hosts with one runner; those without an exit of their own have the runner's."""
        await self.replay("group-ok")

    async def test_group_with_a_failing_runner(self) -> None:
        """The hosts' own exits count all the same."""
        await self.replay("group-main-exit-1")

    async def test_requests_of_the_ruby_forwarder(self) -> None:
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

    async def test_launch_ssh_1_success(self) -> None:
        """Foreman's request runs a script as root, and Foreman gets the output and exit status 0."""
        await self.replay("launch-ssh-1-success")

    async def test_launch_ssh_3(self) -> None:
        """Three jobs of one launch end each in its own way."""
        await self.replay("launch-ssh-3")

    async def test_exit_3(self) -> None:
        """A failed script ends stopped with error."""
        await self.replay("ssh-exit-3")

    async def test_cancel(self) -> None:
        """A cancelled job ends with 255 and is called back."""
        await self.replay("ssh-cancel")

    async def test_timeout(self) -> None:
        """A job that takes too long is stopped, and says so."""
        await self.replay("ssh-timeout")

    async def test_password_auth(self) -> None:
        """The ssh password logs in, and is in no answer."""
        sshd.make_accounts()
        await self.replay("ssh-password-auth")

    async def test_unreachable_port(self) -> None:
        """The text that Foreman's users search for."""
        await self.replay("ssh-unreachable-port")

    async def test_auth_failure(self) -> None:
        """Likewise for an unknown user."""
        await self.replay("ssh-auth-failure")

    async def test_no_callback(self) -> None:
        """Without a callback there is no third action."""
        await self.replay("ssh-no-callback", edit=without_task_id)

    async def test_no_output(self) -> None:
        """A job that prints nothing has an empty list."""
        await self.replay("ssh-no-output")

    async def test_sudo_nopasswd(self) -> None:
        """sudo without a password."""
        await self.replay("ssh-sudo-nopasswd", edit=without_user_ids)

    async def test_sudo_password(self) -> None:
        """sudo with a password; the prompt, which the reference shows, is not in the output."""
        await self.replay("ssh-sudo-password", edit=without_prompts)

    async def test_sudo_wrong_password(self) -> None:
        """The known words come first; what sudo said follows."""
        await self.replay("ssh-sudo-wrong-password", edit=first_debug_line)

    async def test_slow_lines(self) -> None:
        """Lines that come one by one are all there, however they were cut."""
        await self.replay("ssh-slow-lines")

    async def test_minimal_input(self) -> None:
        """The least that a job needs."""
        await self.replay("launch-ssh-minimal")

    async def test_su(self) -> None:
        """su from root needs no password."""
        await self.replay("ssh-su-root")

    async def test_sudo_without_cleanup(self) -> None:
        """The working directory stays."""
        await self.replay("launch-ssh-no-cleanup-sudo")

    async def test_bad_method(self) -> None:
        """A way of changing the user that does not exist."""
        await self.replay("ssh-bad-method", edit=without_runner)

    async def test_stderr(self) -> None:
        """Errors are part of the output; their order is the script's here."""
        await self.replay("ssh-stderr", edit=sorted_lines)

    async def test_invalid_utf8(self) -> None:
        """The reference loses the job; here the bytes are replaced and it succeeds."""
        await self.replay("ssh-invalid-utf8", edit=lambda value: None)

    async def test_tasks(self) -> None:
        """Single launches, unknown ids, statuses, counts and reports, in the order in which they were recorded."""
        await self.replay("launch-single", "unknown-ids", "count", "statuses", "update-done", edit=as_ours)

    async def test_launch_errors(self) -> None:
        """Bad requests are told what is wrong with them."""
        await self.replay("launch-errors")


def _send(port: int, data: bytes) -> bytes:
    """Everything that comes back for some bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(data)
        found = b""
        while block := connection.recv(65536):
            found += block
    return found


def mapped(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    """Apply a change to every object in a value."""

    def apply(value: Any) -> Any:
        if isinstance(value, dict):
            return change({key: apply(item) for key, item in value.items()})
        if isinstance(value, list):
            return [apply(item) for item in value]
        return value

    return apply


def _without(*keys: str) -> Callable[[Any], Any]:
    return mapped(lambda found: {key: item for key, item in found.items() if key not in keys})


without_runner = _without("runner_id")
without_task_id = _without("task_id")
as_ours = _without("errors")
without_prompts = mapped(
    lambda found: {
        key: item.replace("rex login: ", "").lstrip("\n") if key == "stdout" else item for key, item in found.items()
    }
)
without_user_ids = mapped(
    lambda found: {key: re.sub(r"\b\d{4}\b", "UID", item) if key == "stdout" else item for key, item in found.items()}
)
first_debug_line = mapped(
    lambda found: {key: item.split("\n")[0] if key == "debug" else item for key, item in found.items()}
)
sorted_lines = mapped(
    lambda found: {key: sorted(item.split("\n")) if key == "stdout" else item for key, item in found.items()}
)
