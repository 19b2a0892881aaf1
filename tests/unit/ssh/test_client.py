"""Getting to an address."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.client import Target, connect
from smartdyn.ssh.errors import ConnectFailed
from smartdyn.ssh.known_hosts import KnownHosts
from smartdyn.ssh.userauth import Credentials


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
