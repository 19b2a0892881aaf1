"""A Foreman that records the callbacks it receives and answers as told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Site


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class RecordingForeman:
    """Answers with the statuses it was given, then with 200.

    @param statuses: what to answer to the first requests; 0 cuts the connection instead.
    @param poison: ids of tasks; a request that has one of them is answered with 500.
    """

    statuses: list[int] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    received: list[Received] = field(default_factory=list)
    _waiting: list[tuple[int, Deferred[None]]] = field(default_factory=list)
    _port: Any = None

    def start(self, reactor: Any) -> str:
        """Listen on loopback.

        @return: the URL.
        """
        self._port = reactor.listenTCP(0, Site(Callbacks(self)), interface="127.0.0.1")
        return f"http://127.0.0.1:{self._port.getHost().port}"

    async def stop(self) -> None:
        """Listen no more."""
        await self._port.stopListening()

    def delivered(self) -> Sequence[Any]:
        """The callbacks that were answered with 200, in order, however many came in one request."""
        taken = [received.body for received in self.received if received.headers["answer"] == "200"]
        return [part for body in taken for part in _parts(body)]

    def count(self) -> int:
        """How many callbacks have come."""
        return sum(len(_parts(received.body)) for received in self.received)

    def when_received(self, count: int) -> Deferred[None]:
        """Fires when so many callbacks have come."""
        done: Deferred[None] = Deferred()
        self._waiting.append((count, done))
        self._check()
        return done

    def record(self, request: Any) -> int:
        """Keep a request and say how to answer it."""
        body = json.loads(request.content.read())
        status = self.statuses.pop(0) if self.statuses else 200
        if any(part["callback"]["task_id"] in self.poison for part in _parts(body)):
            status = 500
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        headers["answer"] = str(status)
        self.received.append(Received(request.uri.decode(), headers, body))
        self._check()
        return status

    def _check(self) -> None:
        ready = [done for count, done in self._waiting if self.count() >= count]
        self._waiting = [(count, done) for count, done in self._waiting if done not in ready]
        for done in ready:
            done.callback(None)


def _parts(body: Any) -> list[Any]:
    parts: list[Any] = body.get("callbacks", [body])
    return parts


class Callbacks(Resource):
    isLeaf = True

    def __init__(self, foreman: RecordingForeman) -> None:
        super().__init__()
        self._foreman = foreman

    def render_POST(self, request: Any) -> bytes:
        status = self._foreman.record(request)
        if status == 0:
            request.transport.abortConnection()
            return b""
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"application/json")
        return b'{"message":"processing"}'
