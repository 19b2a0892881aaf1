"""A viewer of live output, as a browser is one: server-sent events (WHATWG HTML, 9.2), read on after each break."""

from __future__ import annotations

import html
import re
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed
from twisted.web.http_headers import Headers

from smartdyn.aio import sleep

_LINE = re.compile(r'<div id="L(\d+)">(.*?)</div>')
_PAUSE = 0.1
"""Seconds until a viewer who was refused tries again."""


class Viewer:
    """Follows an output until its task is over."""

    def __init__(self, reactor: Any, url: str) -> None:
        """
        @param url: of the page of the output.
        """
        self._reactor = reactor
        self._agent = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
        self._url = url.encode()
        self._reached = ""
        self._over = False
        self._body: _Body | None = None
        self.connections = 0
        self.lines: list[tuple[int, str]] = []
        self.seen_at: list[float] = []

    async def watch(self) -> None:
        """Connect, as often as it takes."""
        while not self._over:
            headers = Headers({b"accept": [b"text/event-stream"]})
            if self._reached:
                headers.addRawHeader(b"last-event-id", self._reached.encode())
            try:
                response = await self._agent.request(b"GET", self._url, headers)
            except (ResponseFailed, ConnectError):
                await sleep(self._reactor, _PAUSE)
                continue
            assert response.code == 200, response.code
            self.connections += 1
            self._body = _Body(self)
            response.deliverBody(self._body)
            await self._body.ended
            self._body = None

    def cut(self) -> None:
        """Break the connection, if there is one."""
        if self._body is not None and self._body.transport is not None:
            self._body.transport.loseConnection()

    def tell(self, event: dict[str, str]) -> None:
        """An event has come."""
        now = time.time()
        if event.get("event") == "lines":
            self._reached = event["id"]
            for number, text in _LINE.findall(event["data"]):
                self.lines.append((int(number), html.unescape(text)))
                self.seen_at.append(now)
        self._over = self._over or event.get("event") == "end"


class _Body(Protocol):
    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._left = ""
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        *events, self._left = (self._left + data.decode()).split("\n\n")
        for event in events:
            fields: dict[str, str] = {}
            for line in event.split("\n"):
                name, _, value = line.partition(": ")
                fields[name] = fields.get(name, "") + value
            self._viewer.tell(fields)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)
