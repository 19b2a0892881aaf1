"""A connection of a client, which cannot hold us up: every wait for it has an end."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from smartdyn.metrics.http import REFUSALS
from smartdyn.store.json import encode

_REASONS = {
    408: b"Request Timeout",
    413: b"Request Entity Too Large",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
_AGAIN = b"Retry-After: 5\r\n"


class LimitedChannel(HTTPChannel):
    """A connection with deadlines for headers and bodies."""

    site: Any
    transport: Any
    _deadline: IDelayedCall | None = None
    _unread: IDelayedCall | None = None
    _over = False
    _header_bytes = 0

    def connectionMade(self) -> None:
        super().connectionMade()
        self._expect(self.site.limits.headers_within)

    def lineReceived(self, line: bytes) -> None:
        # Twisted's own limit is a little higher and answers without a word
        self._header_bytes += len(line) + 2
        if self._header_bytes > self.site.limits.headers:
            self._refuse_headers()
        elif not self._over:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse_headers()

    def allHeadersReceived(self) -> None:
        self._header_bytes = 0
        self._expect(self.site.limits.body_within)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        self._expect(None)
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        super().requestDone(request)
        self._expect(self.site.limits.idle)

    def loseConnection(self) -> None:
        self._over = True
        self._drop_deadline()
        self._deadline = self.site.clock.callLater(self.site.limits.end_within, self._cut)
        super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._drop_deadline()
        self._forget_unread()
        self.site.left(self)
        super().connectionLost(reason)

    def pauseProducing(self) -> None:
        """Called by the transport when the peer does not read as fast as we write."""
        super().pauseProducing()
        if self._unread is None:
            self._unread = self.site.clock.callLater(self.site.limits.read_within, self._cut)

    def resumeProducing(self) -> None:
        """Called when it has read what there was."""
        super().resumeProducing()
        self._forget_unread()

    def refuse(self, status: int, text: str) -> None:
        """Say why, and close; nothing more is read."""
        if self._over:
            return
        self._over = True
        self.site.meters.refused.labels(REFUSALS[status]).inc()
        body = encode({"error": text})
        head = (
            b"HTTP/1.1 %d %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            % (status, _REASONS[status], _AGAIN if status == 503 else b"", len(body))
        )
        self.transport.write(head + body)
        self.loseConnection()

    def _refuse_headers(self) -> None:
        self.refuse(431, f"The request's headers are larger than {self.site.limits.headers} bytes.")

    def _expect(self, seconds: float | None) -> None:
        if self._over:
            return
        self._drop_deadline()
        if seconds is not None:
            self._deadline = self.site.clock.callLater(seconds, self._too_slow)

    def _drop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _forget_unread(self) -> None:
        if self._unread is not None and self._unread.active():
            self._unread.cancel()
        self._unread = None

    def _cut(self) -> None:
        self.transport.abortConnection()

    def _too_slow(self) -> None:
        self._deadline = None
        self.refuse(408, "The request did not come in time.")
