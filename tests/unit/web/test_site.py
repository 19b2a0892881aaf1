"""Limits of what clients may do."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from smartdyn.web.site import LimitedSite, Limits

PEER = IPv4Address("TCP", "127.0.0.1", 4000)


class Echo(Resource):
    """Answers with the body."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        body: bytes = request.content.read()
        return body


class SiteTests(SynchronousTestCase):
    """L{LimitedSite}."""

    def setUp(self) -> None:
        self.clock = Clock()
        limits = Limits(body=100, headers_within=10, body_within=20, idle=30, connections_per_peer=2)
        self.site = LimitedSite(Echo(), self.clock, "1.2", limits)

    def connect(self) -> tuple[Any, StringTransport]:
        """A connection."""
        channel = self.site.buildProtocol(PEER)
        transport: Any = StringTransport(peerAddress=PEER)
        transport.abortConnection = transport.loseConnection
        channel.makeConnection(transport)
        return channel, transport

    def test_an_answer(self) -> None:
        """The server's name is the smart proxy's."""
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        self.assertIn(b"Server: foreman-proxy/1.2", transport.value())
        self.assertTrue(transport.value().endswith(b"\r\n\r\nhi"))

    def test_a_large_body_is_refused_before_it_is_read(self) -> None:
        """As soon as its length is known."""
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 413 "))
        self.assertTrue(transport.disconnecting)

    def test_a_large_body_of_unknown_length_is_cut(self) -> None:
        """As soon as too much has come."""
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        channel.dataReceived(b"60\r\n" + b"x" * 0x60 + b"\r\n")
        self.assertEqual(transport.value(), b"")
        channel.dataReceived(b"60\r\n" + b"x" * 0x60 + b"\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 413 "))

    def test_large_headers(self) -> None:
        """Are refused with a reason: many of them, one that is long, and a line without an end."""
        many = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 100) for number in range(1000))
        for headers in (many, b"X: " + b"x" * 20_000 + b"\r\n", b"X: " + b"x" * 200_000):
            channel, transport = self.connect()
            channel.dataReceived(b"GET / HTTP/1.1\r\n" + headers)
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 431 "), transport.value()[:50])
            self.assertIn(b"larger than", transport.value())
            self.assertTrue(transport.disconnecting)
            channel.connectionLost(Failure(ConnectionDone()))

    def test_headers_of_many_requests(self) -> None:
        """Each request has its own; a connection that is kept open does not run out of room."""
        channel, transport = self.connect()
        for _ in range(300):
            channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nX: %s\r\nContent-Length: 2\r\n\r\nhi" % (b"x" * 200))
        self.assertEqual(transport.value().count(b"200 OK"), 300)

    def test_a_byte_now_and_then_is_not_enough(self) -> None:
        """Headers, and then the body, have to be there in time, however alive the client seems."""
        for request in (b"GET / HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",):
            channel, transport = self.connect()
            for number in range(11):
                channel.dataReceived(request[number : number + 1])
                self.clock.advance(1)
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 408 "))
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n")
        for _ in range(21):
            channel.dataReceived(b"x")
            self.clock.advance(1)
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 408 "))

    def test_connections_per_peer(self) -> None:
        """One peer cannot take all connections; one that ends makes room."""
        (first, _), _ = self.connect(), self.connect()
        self.assertIsNone(self.site.buildProtocol(PEER))
        first.connectionLost()
        self.assertIsNotNone(self.site.buildProtocol(PEER))
