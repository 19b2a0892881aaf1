"""A small HTTP client for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


class Client:
    """Speaks to one server."""

    def __init__(self, reactor: Any, url: str) -> None:
        self._reactor = reactor
        self._url = url
        self._pool = HTTPConnectionPool(reactor, persistent=False)
        self._http = HTTPClient(Agent(reactor, pool=self._pool))

    async def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """Send a request; a body that is no text is sent as JSON."""
        data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        given: dict[Any, Any] = dict(headers or {})
        response = await self._http.request(method, f"{self._url}{path}", data=data, headers=given)
        content = await response.content()
        found = {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
        return Reply(response.code, found, content)

    async def press(self, path: str, origin: str) -> Reply:
        """Press a button of a page, as a browser does; redirects are not followed."""
        headers: dict[Any, Any] = {"Origin": origin}
        response = await self._http.post(f"{self._url}{path}", headers=headers, allow_redirects=False)
        content = await response.content()
        found = {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
        return Reply(response.code, found, content)

    async def until(self, path: str, wanted: Any, seconds: float = 120.0) -> Reply:
        """Ask again and again until C{wanted(json)} is true.

        @raise AssertionError: it did not become true in time.
        """
        last: Reply | None = None
        for _ in range(int(seconds / 0.1)):
            last = await self.request("GET", path)
            if last.status == 200 and wanted(last.json):
                return last
            pause: Deferred[None] = Deferred()
            self._reactor.callLater(0.1, pause.callback, None)
            await pause
        raise AssertionError(f"{path} did not become as wanted: {last and last.content[:2000]!r}")
