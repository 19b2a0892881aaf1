"""Limits of what clients may do."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
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
        limits = Limits(100, bodies=150, small=50, form=90, connections_per_peer=2)
        limits = replace(limits, headers_within=10, body_within=20, idle=30, end_within=40, read_within=5)
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

    def test_bodies_of_all_clients(self) -> None:
        """Share some memory; when there is no more, small requests are answered nevertheless, and others later."""
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        (first, _), (second, refused) = self.connect(), self.connect()
        first.dataReceived(head % 100 + b"x" * 90)
        second.dataReceived(head % 90 + b"x" * 80)
        self.assertTrue(refused.value().startswith(b"HTTP/1.1 503 "), refused.value())
        self.assertIn(b"\r\nRetry-After: 5\r\n", refused.value())
        second.connectionLost(Failure(ConnectionDone()))
        third, answered = self.connect()
        third.dataReceived(head % 50 + b"x" * 50)
        self.assertIn(b"200 OK", answered.value())
        first.connectionLost(Failure(ConnectionDone()))
        third.dataReceived(head % 100 + b"x" * 100)
        self.assertEqual(answered.value().count(b"200 OK"), 2)
        self.assertEqual(self.site.bodies, 0)

    def test_long_bodies_are_kept_in_memory(self) -> None:
        """They have passwords in them, and a disk without room must not leave a request without an answer."""
        self.patch(tempfile, "tempdir", "/nonexistent")
        site = LimitedSite(Echo(), self.clock, "1.2")
        channel, transport = site.buildProtocol(PEER), StringTransport(peerAddress=PEER)
        channel.makeConnection(transport)
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000)
        self.assertTrue(transport.value().endswith(b"\r\n\r\n" + b"x" * 200_000))

    def test_long_forms(self) -> None:
        """Are bodies like others: to take one apart would hold up everybody. So is what only says that it is one."""
        taken_apart = []

        class Form(Resource):
            isLeaf = True

            def render_POST(self, request: Any) -> bytes:
                taken_apart.append(request.args)
                body: bytes = request.content.read()
                return body

        self.site.resource = Form()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        channel, transport = self.connect()
        for kind, length in ((b"application/x-www-form-urlencoded", 60), (b"application/x-www-form-urlencoded", 96)):
            channel.dataReceived(head % (kind, length) + b"a=1&" * (length // 4))
        channel.dataReceived(head % (b"multipart/form-data; boundary=x", 12) + b"a=1&" * 3)
        self.assertEqual(taken_apart, [{b"a": [b"1"] * 15}, {}, {}])
        self.assertEqual(transport.value().count(b"200 OK"), 3)

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

    def test_peers_who_do_not_leave(self) -> None:
        """Are cut off: with TLS a connection ends when both say so, and who never began to speak TLS never will."""
        for sent, answered in ((b"", b"408 "), (b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", b"200 ")):
            channel, transport = self.connect()
            cut: list[None] = []
            self.patch(transport, "abortConnection", partial(cut.append, None))
            channel.dataReceived(sent)
            self.clock.advance(10)
            self.assertIn(answered, transport.value())
            self.assertTrue(transport.disconnecting)
            self.clock.advance(40 - 10 - 0.5)
            self.assertEqual(cut, [])
            self.clock.advance(10.5)
            self.assertEqual(cut, [None])
            channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_peers_who_do_not_read(self) -> None:
        """Are cut off, so that nothing waits for them for ever; whoever reads slowly is not."""
        channel, transport = self.connect()
        cut: list[None] = []
        self.patch(transport, "abortConnection", partial(cut.append, None))
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh")
        for _ in range(3):
            channel.pauseProducing()
            self.clock.advance(4.9)
            channel.resumeProducing()
        self.assertEqual(cut, [])
        channel.pauseProducing()
        channel.pauseProducing()
        self.clock.advance(5.1)
        self.assertEqual(cut, [None])
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connections_per_peer(self) -> None:
        """One peer cannot take all connections; one that ends makes room."""
        (first, _), _ = self.connect(), self.connect()
        self.assertIsNone(self.site.buildProtocol(PEER))
        first.connectionLost()
        self.assertIsNotNone(self.site.buildProtocol(PEER))
