"""Bodies of requests and answers that are sent piece by piece, as fast as the other side takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.web.client import ResponseFailed
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer


@implementer(IBodyProducer)
class StreamedBody:
    """Sends what an iterator gives; the next piece is made when there is room for it."""

    length = UNKNOWN_LENGTH

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._room: Deferred[None] | None = None
        self._sending: Deferred[None] | None = None

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """Fires when everything has been handed over."""
        self._sending = Deferred.fromCoroutine(self._send(consumer))
        return self._sending

    def pauseProducing(self) -> None:
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:
        """Nobody wants the rest."""
        if self._sending is not None:
            self._sending.addErrback(lambda failure: failure.trap(CancelledError, ResponseFailed))
            self._sending.cancel()

    async def _send(self, consumer: Any) -> None:
        async for piece in self._pieces:
            consumer.write(piece)
            if self._room is not None:
                await self._room


async def answer(request: Any, pieces: AsyncIterator[bytes]) -> bytes:
    """Answer a request piece by piece; fires when the client has it all, or has gone away."""
    body = StreamedBody(pieces)
    request.registerProducer(body, True)
    try:
        await body.startProducing(request)
    finally:
        request.unregisterProducer()
    return b""
