"""HTTP with limits: no client can hold us up or fill our memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from smartdyn.log.context import Subject, about
from smartdyn.metrics.http import HttpMeters, method_of
from smartdyn.web.channel import LimitedChannel
from smartdyn.web.requests import FORM, request_id


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    The times are absolute: a client that sends a byte now and then does not get more.

    @param bodies: of all clients together, at one time.
    @param small: a body that is read even when there is no room for others, such as a question or a cancellation.
    @param form: the longest body that is read as a form of the console's, which takes time.
    @param idle: between two requests of a connection that is kept open.
    @param end_within: from our last word to the end of the connection, which peers have to take part in with TLS, and
        those who do not read can put off.
    @param read_within: until a peer that does not read as fast as we write has read what there is.
    """

    body: int = 64 * 1024 * 1024
    bodies: int = 256 * 1024 * 1024
    small: int = 64 * 1024
    form: int = 64 * 1024
    headers: int = 15 * 1024
    headers_within: float = 30.0
    body_within: float = 120.0
    idle: float = 75.0
    end_within: float = 120.0
    read_within: float = 300.0
    connections_per_peer: int = 500


class LimitedRequest(Request):
    """A request with a limited body, and a line in the log.

    Its body is kept in memory. Twisted has long ones in a temporary file; there passwords of jobs would stand in clear,
    and a full disk would leave a request without an answer.

    @ivar smartdyn_route: the template of its path, once one was found for it.
    """

    _log = Logger()
    channel: Any
    smartdyn_route = "none"
    _received = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        if length != 0:
            self.notifyFinish().addBoth(self._make_room, self.channel.site)
        if length is not None and length > self.channel.site.limits.body:
            self._refuse_large()

    def handleContentChunk(self, data: bytes) -> None:
        site = self.channel.site
        self._received += len(data)
        site.bodies += len(data)
        if self._received > site.limits.body:
            self._refuse_large()
        elif self._received > site.limits.small and site.bodies > site.limits.bodies:
            self._refuse(503, "There is no room for so large a request at the moment; send it again.")
        if not self._refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        is_form = self.getHeader(b"content-type") == FORM
        self._parsePOSTFormSubmission = is_form and self._received <= self.channel.site.limits.form
        super().requestReceived(command, path, version)

    def process(self) -> None:
        if self._refused:
            return
        site = self.channel.site
        self.responseHeaders.setRawHeaders(b"x-content-type-options", [b"nosniff"])
        self.responseHeaders.setRawHeaders(b"x-request-id", [request_id(self).encode("latin-1", "replace")])
        began = site.clock.seconds()
        site.in_flight += 1
        self.notifyFinish().addBoth(self._finished, site, began)
        with about(Subject(request_id=request_id(self))):
            super().process()

    def render(self, resrc: IResource) -> None:
        # Twisted puts its own name here just before
        self.responseHeaders.setRawHeaders(b"server", [self.channel.site.server_name])
        super().render(resrc)

    def _finished(self, _: object, site: LimitedSite, began: float) -> None:
        seconds = site.clock.seconds() - began
        site.in_flight -= 1
        method = method_of(self.method)
        site.meters.answered(method, self.smartdyn_route, self.code, seconds)
        self._log.info(
            "{method} {path} from {peer}: {status} in {milliseconds:.0f} ms",
            method=method,
            path=self.path.decode("latin-1"),
            peer=getattr(self.getClientAddress(), "host", "a unix socket"),
            status=self.code,
            milliseconds=seconds * 1000,
            request_id=request_id(self),
        )

    def _make_room(self, _: object, site: LimitedSite) -> None:
        site.bodies -= self._received

    def _refuse_large(self) -> None:
        most = self.channel.site.limits.body // (1024 * 1024)
        self._refuse(413, f"The request is larger than {most} MiB.")

    def _refuse(self, status: int, text: str) -> None:
        if not self._refused:
            self._refused = True
            self.channel.refuse(status, text)


class LimitedSite(Site):
    """Our pages, for peers who behave."""

    noisy = False
    protocol: Any = LimitedChannel
    displayTracebacks = False
    requestFactory = LimitedRequest

    def __init__(
        self,
        resource: IResource,
        clock: Any,
        version: str,
        limits: Limits | None = None,
        meters: HttpMeters | None = None,
    ) -> None:
        """
        @ivar in_flight: how many requests are being answered.
        @ivar bodies: how many bytes of requests' bodies are kept.
        """
        self.limits = limits or Limits()
        self.meters = meters or HttpMeters()
        self.in_flight = 0
        self.bodies = 0
        self.clock = clock
        self.server_name = f"foreman-proxy/{version}".encode()
        super().__init__(resource, requestFactory=LimitedRequest, reactor=clock, timeout=None)
        self._peers: Counter[str] = Counter()

    def buildProtocol(self, addr: Any) -> Any:
        host = getattr(addr, "host", "")
        if self._peers[host] >= self.limits.connections_per_peer:
            self.meters.refused.labels("connections").inc()
            return None
        channel: Any = super().buildProtocol(addr)
        channel.site = self
        channel.smartdyn_peer = host
        self._peers[host] += 1
        return channel

    def connections(self) -> int:
        """How many there are."""
        return self._peers.total()

    def left(self, channel: Any) -> None:
        """A connection has ended."""
        host = channel.smartdyn_peer
        self._peers[host] -= 1
        if self._peers[host] <= 0:
            del self._peers[host]

    def log(self, request: Any) -> None:
        """Requests are logged with their id by L{LimitedRequest}; Twisted's own access log is not written."""
