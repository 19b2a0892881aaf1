"""Speaks to Foreman over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from email.utils import parsedate_to_datetime
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from smartdyn.aio import begin, deadline
from smartdyn.foreman.retry import Answer
from smartdyn.foreman.tls import ForemanPolicy
from smartdyn.reasons import explain
from smartdyn.store.json import encode
from smartdyn.store.long_output import is_long
from smartdyn.streaming import StreamedBody

_CALLBACK_PATH = "foreman_tasks/api/tasks/callback"
_CONNECT_LIMIT = 20.0
_ANSWER_LIMIT = 60.0
_LONG_LIMIT = 900.0
"""Seconds for a callback with a very long output."""

_MOST_TEXT = 500
_MOST_BODY = 64 * 1024


class ForemanClient:
    """Delivers callbacks to one Foreman."""

    def __init__(
        self,
        reactor: Any,
        foreman_url: str,
        policy: ForemanPolicy,
        stream: Callable[[Any], AsyncIterator[bytes]],
    ) -> None:
        """
        @param stream: the JSON in pieces of a body that is too long to be put together at once.
        """
        self._reactor = reactor
        self._stream = stream
        self.use(foreman_url, policy)

    def use(self, foreman_url: str, policy: ForemanPolicy) -> None:
        """From the next callback on, speak to this Foreman with these certificates, on connections that are kept open.

        Connections that are in use do their work, and are then left to time out.

        @param foreman_url: may have a path, when Foreman lives below one.
        """
        self._pool = HTTPConnectionPool(self._reactor, persistent=True)
        self._http = HTTPClient(Agent(self._reactor, policy, connectTimeout=_CONNECT_LIMIT, pool=self._pool))
        self._url = f"{foreman_url.rstrip('/')}/{_CALLBACK_PATH}"

    async def callback(self, body: dict[str, Any], request_id: str | None) -> Answer:
        """Post a callback and say what came of it; nothing that can happen on the way is raised."""
        try:
            limit = _LONG_LIMIT if is_long(body) else _ANSWER_LIMIT
            posting = begin(self._post(body, request_id))
            return await deadline(self._reactor, limit, "the callback", posting)
        except CancelledError:
            raise
        except Exception as error:
            return Answer(None, explain(error, "Foreman", "foreman_url", tls=self._url.startswith("https:")))

    def close(self) -> Deferred[None]:
        """Close the connections that were kept open."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _post(self, body: dict[str, Any], request_id: str | None) -> Answer:
        headers: dict[bytes | str, bytes | str] = {
            "Content-Type": "application/json",
            "Accept": "application/json,version=2",
        }
        if request_id:
            headers["X-Request-Id"] = request_id
        data = StreamedBody(self._stream(body)) if is_long(body) else encode(body)
        response = await self._http.post(self._url, data=data, headers=headers, allow_redirects=False)
        said: list[bytes] = []
        await response.collect(lambda data: said.append(data) if sum(map(len, said)) < _MOST_BODY else None)
        text = b"".join(said).decode("utf-8", "replace")[:_MOST_TEXT]
        return Answer(response.code, text, retry_after(response.headers))


def retry_after(headers: Headers) -> float | None:
    """The seconds that Foreman, or what stands before it, asks us to wait (RFC 9110, 10.2.3).

    A time of day counts from its own clock, which the answer tells; ours may be another.
    """
    given = headers.getRawHeaders(b"retry-after", [b""])[0].decode("latin-1")
    try:
        return float(int(given))
    except OverflowError:
        return None
    except ValueError:
        pass
    try:
        said_at = parsedate_to_datetime(headers.getRawHeaders(b"date", [b""])[0].decode("latin-1"))
        return max((parsedate_to_datetime(given) - said_at).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
