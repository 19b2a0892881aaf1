"""Relays Dynflow's routes to a core elsewhere, as the smart proxy's old plugin did (SPD 0.2 helpers.rb, callback.rb).

Requests and answers are streamed. What the core sees is what the Ruby plugin sent it; beyond that, nothing of the
request gets lost (nested parameters, C{Location}), and a core that does not answer is a clear 502 or 504.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from treq import json_content
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, ResponseDone
from twisted.web.http import NO_BODY_CODES, PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

from smartdyn.aio import deadline
from smartdyn.errors import DeadlineExceeded
from smartdyn.reasons import explain
from smartdyn.web.access import role_of, visit
from smartdyn.web.authorization import Policy
from smartdyn.web.peers import peer_of
from smartdyn.web.requests import (
    FORM,
    JSON,
    NOT_FOUND,
    PREFIX,
    PREFIX_HEADER,
    ROLE_HEADER,
    USER_HEADER,
    header,
    request_id,
    send,
    send_json,
)
from smartdyn.web.route import Route

_REPORT = re.compile(rf"{PREFIX}/tasks/[^/]+/(update|done)/?\Z")
"""Where a job's script may post to with its one-time password, which only the core can check."""

_PASSED_ON: Final = ("Authorization", "Cookie", "If-None-Match", "Last-Event-ID", "Origin", "Sec-Fetch-Site")
_PASSED_BACK: Final = (
    b"content-length",
    b"location",
    b"cache-control",
    b"etag",
    b"content-security-policy",
    b"referrer-policy",
    b"retry-after",
    b"set-cookie",
    b"content-disposition",
    b"x-accel-buffering",
)
_FIRST_BYTE = 60.0
"""Seconds until the core must have begun to answer. The Ruby plugin waits as long, and Foreman itself no longer."""

_NEXT_BYTE = 60.0


class Forwarder:
    """The routes below C{/dynflow} when the work is done elsewhere."""

    _log = Logger()

    def __init__(self, clock: Any, agent: Any, core_url: str, policy: Policy) -> None:
        """
        @param agent: an L{twisted.web.iweb.IAgent} with our certificate.
        """
        self._clock = clock
        self._agent = agent
        self._core_url = core_url.rstrip("/")
        self._policy = policy

    def routes(self) -> list[Route]:
        """Everything below the prefix."""
        return [
            Route(method, path, self.relay)
            for method in ("GET", "POST")
            for path in (PREFIX, f"{PREFIX}/", f"{PREFIX}/<path:rest>")
        ]

    async def operations(self) -> list[str]:
        """What the core can launch, for our features; nothing while it cannot be asked."""
        try:
            asked = Deferred.fromCoroutine(self._ask_for_operations())
            found = await deadline(self._clock, 5.0, "asking the core for its operations", asked)
        except CancelledError:
            raise
        except Exception as error:
            self._log.warn("the core cannot be asked: {why}", why=self._why(error))
            return []
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    async def _ask_for_operations(self) -> Any:
        url = f"{self._core_url}/tasks/operations".encode()
        response = await self._agent.request(b"GET", url, Headers({"Accept": ["application/json"]}))
        return await json_content(response)

    async def relay(self, request: Any, rest: str = "") -> bytes:
        """Ask the core and pass on what it says."""
        if has_dot_segments(request.path):
            return send(request, NOT_FOUND, JSON, 404)
        await self._authorize(request)
        url = self._core_url.encode() + (request.uri[len(PREFIX) :] or b"/")
        body = FileBodyProducer(request.content) if request.method == b"POST" else None
        asked = self._agent.request(request.method, url, _headers_for_core(request), body)
        try:
            response = await deadline(self._clock, _FIRST_BYTE, f"the core at {self._core_url}", asked)
        except CancelledError:
            raise
        except DeadlineExceeded as error:
            return send_json(request, {"error": f"{error}. Look at the core's log."}, 504)
        except Exception as error:
            why = self._why(error)
            self._log.error("the core at {url} cannot be asked: {why}", url=self._core_url, why=why)
            text = f"The core at {self._core_url} cannot be asked: {why}. Is it running, and is `core_url` right?"
            return send_json(request, {"error": text}, 502)
        _begin(request, response)
        relay = _Relay(self._clock, request)
        response.deliverBody(relay)
        await relay.done
        return b""

    def _why(self, error: Exception) -> str:
        return explain(error, "the core", "core_url", tls=self._core_url.startswith("https:"))

    async def _authorize(self, request: IRequest) -> None:
        path = request.path.decode("utf-8", "replace")
        if _REPORT.match(path) and header(request, "Authorization") is not None:
            return
        if f"{path}/".startswith((f"{PREFIX}/console/", f"{PREFIX}/api/")) and path != f"{PREFIX}/api/run":
            await visit(request, self._policy)
        else:
            await self._policy.require(peer_of(request), path)


def _begin(request: Any, response: Any) -> None:
    """Status and headers of the core's answer; what has no type is taken for JSON, as the Ruby plugin does."""
    request.setResponseCode(response.code, response.phrase)
    for name in _PASSED_BACK:
        values = response.headers.getRawHeaders(name)
        if values:
            request.responseHeaders.setRawHeaders(name, values)
    if response.code in NO_BODY_CODES:
        return
    request.responseHeaders.setRawHeaders(b"content-type", response.headers.getRawHeaders(b"content-type", [JSON]))
    if isinstance(response.length, int) and request.method != b"HEAD":
        request.responseHeaders.setRawHeaders(b"content-length", [str(response.length).encode()])


def has_dot_segments(path: bytes) -> bool:
    """Might a core that tidies up paths find another route than the one that was asked for, and allowed, here?"""
    return any(segment in {b".", b".."} for segment in unquote_to_bytes(path).replace(b"\\", b"/").split(b"/"))


def _headers_for_core(request: IRequest) -> Headers:
    is_form = request.getHeader(b"content-type") == FORM
    headers = Headers(
        {
            "Accept": [header(request, "Accept") or "application/json"],
            "Content-Type": [FORM.decode() if is_form else "application/json"],
            PREFIX_HEADER: [PREFIX],
            "X-Forwarded-For": [header(request, "Host") or ""],
            "X-Request-Id": [request_id(request)],
            USER_HEADER: [peer_of(request).name],
        }
    )
    # A path that the core reads in another way than we do must not make an admin of whoever may only use the API
    role = role_of(request)
    headers.setRawHeaders(ROLE_HEADER, [role.word if role is not None else "none"])
    for name in _PASSED_ON:
        value = header(request, name)
        if value is not None:
            headers.setRawHeaders(name, [value])
    return headers


class _Relay(Protocol):
    """Writes what comes from the core to the client, as fast as that takes it."""

    def __init__(self, clock: Any, request: Any) -> None:
        self.done: Deferred[None] = Deferred()
        self._clock = clock
        self._request = request
        self._timer = clock.callLater(_NEXT_BYTE, self._too_slow)
        request.notifyFinish().addErrback(self._client_left)

    def connectionMade(self) -> None:
        self._request.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        self._timer.reset(_NEXT_BYTE)
        self._request.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer.active():
            self._timer.cancel()
        if self.done.called:
            return
        self._request.unregisterProducer()
        if not reason.check(ResponseDone, PotentialDataLoss):
            # The client must not take a part for the whole
            self._request.transport.abortConnection()
        self.done.callback(None)

    def _too_slow(self) -> None:
        self._stop()

    def _client_left(self, reason: Failure) -> None:
        self._stop()

    def _stop(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()
