"""Servers that stop talking, at every stage of a connection."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.conch.ssh.transport import SSHServerTransport
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from smartdyn.demo.ssh_host import make_host, make_key
from smartdyn.ssh import Connection, Credentials, Deadlines, KnownHosts, Target, connect, load_private_key
from smartdyn.ssh.errors import ChannelFailed, ConnectFailed, ConnectionLost, HandshakeFailed

KEXINIT, KEX_INIT, SERVICE_REQUEST, AUTH_REQUEST, CHANNEL_OPEN, CHANNEL_REQUEST = 20, 30, 5, 50, 90, 98
SHAKING_HANDS = Deadlines(connect=2, handshake=0.3)
LOGGING_IN = Deadlines(authentication=0.5)
OPENING = Deadlines(channel=0.3)
"""Only the wait that is tried is short: all others may take what they need on a slow machine."""


class Greeter(Protocol):
    """Says who it is and nothing more."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"SSH-2.0-silent\r\n")


class SilenceTests(TestCase):
    """Each wait of the client has an end, and the connection is closed."""

    timeout = 300

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        for name in ("client", "host"):
            make_key(self.folder / name)
        self.lost: Deferred[None] = Deferred()

    def listen(self, factory: Any) -> int:
        """Start a server."""
        net: Any = reactor
        port = net.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def deaf_to(self, *messages: int) -> int:
        """A server that passes over some kinds of messages."""
        lost = self.lost

        class DeafTransport(SSHServerTransport):
            def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
                if messageNum not in messages:
                    super().dispatchMessage(messageNum, payload)

            def connectionLost(self, reason: Any = None) -> None:
                super().connectionLost(reason)
                lost.callback(None)

        factory = make_host(reactor, "user", self.folder / "client.pub", self.folder / "host")
        factory.protocol = DeafTransport
        return self.listen(factory)

    async def connect(self, port: int, limits: Deadlines) -> Connection:
        """Log in."""
        keys = (load_private_key(self.folder / "client", None),)
        known = KnownHosts(self.folder / "known_hosts")
        return await connect(reactor, Target("127.0.0.1", port, "user"), Credentials(keys=keys), known, limits)

    async def test_after_the_version(self) -> None:
        """A server that says who it is, and no more."""
        port = self.listen(Factory.forProtocol(Greeter))
        with self.assertRaises(HandshakeFailed):
            await self.connect(port, SHAKING_HANDS)

    async def test_in_the_key_exchange(self) -> None:
        """Before algorithms are agreed upon, and before the host key is shown; no key is learned."""
        for messages in ((KEXINIT, KEX_INIT), (KEX_INIT,)):
            self.lost = Deferred()
            with self.assertRaises(HandshakeFailed):
                await self.connect(self.deaf_to(*messages), SHAKING_HANDS)
            await self.lost
        self.assertFalse((self.folder / "known_hosts").exists())

    async def test_while_logging_in(self) -> None:
        """Before and after the user is named."""
        for message in (SERVICE_REQUEST, AUTH_REQUEST):
            self.lost = Deferred()
            with self.assertRaises(ConnectionLost) as caught:
                await self.connect(self.deaf_to(message), LOGGING_IN)
            self.assertIn("logging in took longer than 0.5 s", str(caught.exception))
            await self.lost

    async def test_opening_a_channel(self) -> None:
        """The session is not opened, or the command not answered; the connection can still be closed."""
        for message in (CHANNEL_OPEN, CHANNEL_REQUEST):
            self.lost = Deferred()
            connection = await self.connect(self.deaf_to(message), OPENING)
            with self.assertRaises(ChannelFailed):
                await connection.execute("true")
            await connection.close()
            await self.lost

    async def test_nobody_accepts(self) -> None:
        """A port whose queue is full drops what comes; the connection is given up in time."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            with socket.create_connection(address), socket.socket() as waiting:
                waiting.setblocking(False)
                waiting.connect_ex(address)
                keys = (load_private_key(self.folder / "client", None),)
                target = Target("127.0.0.1", address[1], "user")
                known = KnownHosts(self.folder / "known_hosts")
                error = (ConnectFailed, HandshakeFailed)
                with self.assertRaises(error):
                    await connect(reactor, target, Credentials(keys=keys), known, SHAKING_HANDS)
