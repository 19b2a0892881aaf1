"""Getting to an address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.client import Target, connect
from smartdyn.ssh.errors import ConnectFailed, KnownHostsUnusable
from smartdyn.ssh.known_hosts import KnownHosts
from smartdyn.ssh.userauth import Credentials


class PlayedHop:
    """A connection to a host that leads there."""

    aborted = ""
    is_closed = False
    meters = None

    def abort(self, reason: str) -> None:
        """It is remembered why."""
        self.aborted = reason

    async def open(self, channel: object, extra: bytes) -> None:
        """It leads anywhere."""

    async def close(self) -> None:
        """It is remembered that."""
        self.is_closed = True


class ConnectTests(SynchronousTestCase):
    """L{connect}."""

    def test_a_name_that_no_host_can_have(self) -> None:
        """Nobody is asked for its address, and the words are those for other names that lead nowhere."""
        trust = KnownHosts(Path(self.mktemp()))
        for host in ("a..b", f"{'x' * 70}.example.org"):
            reactor = MemoryReactorClock()
            connecting = connect(reactor, Target(host), Credentials(None, ()), trust)
            error = self.failureResultOf(Deferred.fromCoroutine(connecting), ConnectFailed).value
            self.assertIn(f"connect to host {host} port 22: Could not resolve hostname", str(error))
            self.assertEqual(reactor.tcpClients, [])

    def test_such_a_name_behind_another_host(self) -> None:
        """It is told in the same words, and the way there is taken down again."""
        hop: Any = PlayedHop()
        trust = KnownHosts(Path(self.mktemp()))
        connecting = connect(MemoryReactorClock(), Target("a..b"), Credentials(), trust, through=hop)
        error = self.failureResultOf(Deferred.fromCoroutine(connecting), ConnectFailed).value
        self.assertIn("connect to host a..b port 22: Could not resolve hostname", str(error))
        self.assertTrue(hop.is_closed)

    def test_host_keys_that_cannot_be_read(self) -> None:
        """Nobody is connected to, and the way that was made to the host is taken down again."""
        folder = Path(self.mktemp())
        folder.mkdir()
        hop: Any = PlayedHop()
        connecting = connect(MemoryReactorClock(), Target("h1"), Credentials(), KnownHosts(folder), through=hop)
        error = self.failureResultOf(Deferred.fromCoroutine(connecting), KnownHostsUnusable).value
        self.assertEqual(hop.aborted, str(error))
