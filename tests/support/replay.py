"""Replays recorded exchanges of the reference against the service, with a real sshd and a recording Foreman.

Each recording is sent as it stands, with ids, ports and users put in place; the answers must mean the same. Where this
service answers better on purpose, L{improved_error} says what it answers instead.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
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
_USER_KEYS = {"ssh_user", "effective_user"}
_USERS = {"rexroot": "root"}
"""Accounts of the recording that are called otherwise here."""

Edit = Callable[[Any], Any]
"""Changes what is compared."""

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
    if isinstance(body, dict) and "action_name" in body:
        return 404
    if isinstance(body, dict) and body.get("operation") == "single":
        input = body.get("input") or {}
        known = str(input.get("action_class", "")).startswith("Rig::")
        return 200 if known else 404 if input.get("action_class") else 400
    return 400


def is_intermediate(request: dict[str, Any], recorded: dict[str, Any]) -> bool:
    """Is this a look at a task that is still going? What it shows depends on the moment."""
    looks = request["method"] == "GET" and request["path"].endswith("/status") and recorded["status"] == 200
    return bool(looks and recorded["body"]["state"] not in {"stopped", "paused"})


def has_output(task: dict[str, Any]) -> bool:
    """Has something been printed?"""
    return any(action["output"].get("result") for action in task["actions"])


def is_reading(request: dict[str, Any]) -> bool:
    """Does this request change nothing, so that it can be repeated until the answer is there?"""
    return bool(request["path"].endswith(("/status", "/statuses")))


def _route(request: dict[str, Any]) -> str:
    return f"{request['method']} {UUID.sub('ID', request['path'])}"


def unedited(value: Any) -> Any:
    """Everything is compared."""
    return value


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
        repeated = self.recording.get("lines", {})
        self._texts = {
            name: "".join(line.format(number) for number in range(1, count + 1))
            for name, (line, count) in repeated.items()
        }

    def adapt(self, value: Any) -> Any:
        """A recorded value with the ids and ports of this run."""
        if isinstance(value, dict):
            return {self.adapt(key): self._adapt_item(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.adapt(item) for item in value]
        if isinstance(value, str):
            value = self._texts.get(value, value)
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
        if key == "ssh_port":
            return self._ports.get(item, item)
        return self.adapt(_USERS.get(item, item) if key in _USER_KEYS else item)


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


class ReplayTestCase(TestCase):
    """Replays recordings."""

    timeout = 300
    _better: Mapping[str, int | None] = MappingProxyType({})

    async def start(self, **settings: Any) -> None:
        """Start a Foreman and a service that knows it."""
        self.server = sshd.shared()
        self.foreman = RecordingForeman()
        self.service = ServiceProcess(
            {
                "foreman_url": self.foreman.start(reactor),
                "ssh_identity_key_file": str(self.server.key()),
                "kill_grace": 1,
                **settings,
            }
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.foreman.stop()))
        await self.service.start()
        self.client = Client(reactor, self.service.url)

    async def replay(self, *names: str, edit: Edit = unedited, better: Mapping[str, int | None] | None = None) -> None:
        """Replay recordings one after another, all their requests in the order in which they were made.

        @param edit: changes what is compared on both sides, where this service is better on purpose.
        @param better: by method and path (ids left out), the status of an answer that is better on purpose; None for
            a request that is not for this service.
        """
        self._better = better or {}
        await self.start()
        ids: dict[str, str] = {}
        replays = [Replay(name, ids, self.server.port) for name in names]
        exchanges = sorted(
            ((exchange, replay) for replay in replays for exchange in replay.recording["exchanges"]),
            key=lambda each: each[0]["at"],
        )
        for exchange, replay in exchanges:
            await self.exchange(exchange, replay, edit)
        for replay in replays:
            await self._callbacks(self.foreman, replay, edit)

    async def exchange(self, exchange: dict[str, Any], replay: Replay, edit: Edit = unedited) -> None:
        """Send one request until the answer means what was recorded; one that changes something is sent once."""
        client = self.client
        request, recorded = exchange["request"], exchange["response"]
        if self._better.get(_route(request), 0) is None:
            return
        if is_intermediate(request, recorded):
            path = replay.adapt(request["path"])
            wanted = has_output(recorded["body"])
            await client.until(path, lambda found: not wanted or has_output(found))
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
        edit: Edit,
    ) -> None:
        """Send a request and compare the answer."""
        path = replay.adapt(request["path"])
        what = f"{request['method']} {path}"
        headers = await self._headers(client, request, replay)
        reply = await client.request(request["method"], path, replay.adapt(request["body"]), headers)
        better = self._better.get(_route(request)) or improved_error(request, recorded["status"])
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

    async def _callbacks(self, foreman: RecordingForeman, replay: Replay, edit: Edit) -> None:
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


def mapped(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Edit:
    """Apply a change to every object in a value."""

    def apply(value: Any) -> Any:
        if isinstance(value, dict):
            return change({key: apply(item) for key, item in value.items()})
        if isinstance(value, list):
            return [apply(item) for item in value]
        return value

    return apply


def without(*keys: str) -> Edit:
    """Leave keys out of the comparison."""
    return mapped(lambda found: {key: item for key, item in found.items() if key not in keys})
