"""What other parts count."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from smartdyn.metrics.http import HttpMeters
from smartdyn.metrics.jobs import JobMeters
from smartdyn.metrics.ssh import CONNECT, REASONS, SshMeters
from smartdyn.observing.lag import LagWatch
from smartdyn.ssh.errors import AuthenticationFailed, ConnectFailed, HandshakeFailed, HostKeyRejected
from smartdyn.ssh.phases import Phases, reason
from smartdyn.web.site import LimitedSite, Limits
from tests.support.numbers import Numbers
from tests.support.web import WebTestCase


class HttpMeterTests(SynchronousTestCase):
    """L{HttpMeters} in a server."""

    def setUp(self) -> None:
        self.registry = CollectorRegistry()
        limits = Limits(body=10, headers_within=10, connections_per_peer=1)
        self.clock = Clock()
        self.site = LimitedSite(Resource(), self.clock, "1", limits, HttpMeters(self.registry))

    def connect(self) -> Any:
        """A connection, None when there may be no more."""
        peer = IPv4Address("TCP", "192.0.2.1", 1000)
        channel = self.site.buildProtocol(peer)
        if channel is not None:
            transport: Any = StringTransport(peerAddress=peer)
            transport.abortConnection = transport.loseConnection
            channel.makeConnection(transport)
        return channel

    def test_what_is_not_found(self) -> None:
        """A path that is no route, and a method that does not exist, make no series of their own."""
        self.connect().dataReceived(b"BREW /secret/path HTTP/1.1\r\nHost: x\r\n\r\n")
        found = Numbers.of(self.registry)
        name = "smartdyn_http_requests_total"
        self.assertEqual(found.get(name, method="other", route="none"), 1)
        self.assertEqual(found.labels("smartdyn_http_requests"), {"method", "route", "status"})
        self.assertEqual(self.site.in_flight, 0)

    def test_questions(self) -> None:
        """Whoever only wants to know something is counted apart: jobs are started with more care meanwhile."""
        channel = self.connect()
        for method in (b"GET", b"POST", b"HEAD", b"BREW"):
            channel.dataReceived(method + b" /path HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.site.meters.questions, 2)

    def test_refusals(self) -> None:
        """They are counted by reason."""
        channel = self.connect()
        self.assertIsNone(self.connect())
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n")
        found = Numbers.of(self.registry)
        self.assertEqual(found.get("smartdyn_http_refused_total", reason="connections"), 1)
        self.assertEqual(found.get("smartdyn_http_refused_total", reason="body"), 1)


class RouteTests(WebTestCase):
    """The numbers over HTTP."""

    def test_both_formats(self) -> None:
        """Prometheus' own text, and OpenMetrics for those who ask for it."""
        self.assertEqual(self.request("GET", "/metrics")[0], 200)
        status, text = self.request("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
        self.assertEqual((status, text), (200, "# EOF\n"))


class SshMeterTests(SynchronousTestCase):
    """L{Phases}."""

    def setUp(self) -> None:
        self.registry = CollectorRegistry()
        self.meters = SshMeters(self.registry)
        self.clock = Clock()

    def test_phases(self) -> None:
        """Each counts from the end of the one before, and all of them together from the beginning."""
        with Phases(self.clock, self.meters) as phases:
            self.clock.advance(2)
            phases.end("resolve", self.clock.seconds() - 1)
            phases.end(CONNECT)
            self.clock.advance(3)
        found = Numbers.of(self.registry)
        name = "smartdyn_ssh_phase_seconds_sum"
        self.assertEqual([found.get(name, phase=phase) for phase in ("resolve", "connect", "log_in")], [1.0, 1.0, 5.0])

    def test_a_failure(self) -> None:
        """It is counted by its reason, and the phases that were not reached are not."""

        def attempt() -> None:
            with Phases(self.clock, self.meters):
                raise ConnectFailed("h1", 22, "Connection refused")

        self.assertRaises(ConnectFailed, attempt)
        found = Numbers.of(self.registry)
        self.assertEqual(found.get("smartdyn_ssh_failures_total", reason="refused"), 1)
        self.assertEqual(found.get("smartdyn_ssh_phase_seconds_count"), 0)

    def test_reasons(self) -> None:
        """There are only so many of them."""
        cases = (
            (ConnectFailed("h", 22, "Could not resolve hostname: Name or service not known"), "name"),
            (ConnectFailed("h", 22, "the jump host j does not connect there: no"), "other"),
            (HandshakeFailed("h", 22, "closed"), "key_exchange"),
            (HostKeyRejected("h", "ssh-ed25519", "changed"), "host_key"),
            (AuthenticationFailed("u", "h", (), ()), "authentication"),
            (CancelledError(), "cancelled"),
            (ValueError(), "other"),
        )
        for error, word in cases:
            self.assertEqual(reason(error), word)
            self.assertIn(word, REASONS)


class JobMeterTests(SynchronousTestCase):
    """L{JobMeters}."""

    def test_output(self) -> None:
        """Bytes are those of UTF-8, lines are ends of lines, and a type that plugins made up is one of others."""
        registry = CollectorRegistry()
        meters = JobMeters(registry)
        meters.printed("stdout", "a\nb\n")
        meters.printed("stdout", "ü")
        meters.printed("of-a-plugin", "x")
        found = Numbers.of(registry)
        numbers = [found.get(f"smartdyn_output_{unit}_total", type="stdout") for unit in ("bytes", "lines", "chunks")]
        self.assertEqual(numbers, [6, 2, 2])
        self.assertEqual(found.get("smartdyn_output_bytes_total", type="other"), 1)

    def test_ends(self) -> None:
        """By exit status."""
        registry = CollectorRegistry()
        meters = JobMeters(registry)
        for status in (0, 3, "EXCEPTION"):
            meters.exited(status)
        found = Numbers.of(registry)
        for result in ("success", "failure", "error"):
            self.assertEqual(found.get("smartdyn_jobs_ended_total", result=result), 1)


class LagTests(SynchronousTestCase):
    """L{LagWatch}."""

    def test_lateness(self) -> None:
        """What is told is how much later than planned each look came."""
        clock = Clock()
        told: list[float] = []
        watch = LagWatch(clock, told.append)
        watch.startService()
        clock.advance(0.25)
        clock.advance(1.25)
        self.assertEqual(told, [0.0, 1.0])
        watch.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])
