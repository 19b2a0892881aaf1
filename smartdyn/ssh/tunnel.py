"""A connection through another one: what a jump host is for (RFC 4254, 7.2)."""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.ssh.connection import Connection
from smartdyn.ssh.errors import IMPOSSIBLE_NAME, ChannelFailed, ConnectFailed, SSHError
from smartdyn.ssh.session import Session

_ORIGIN = NS(b"127.0.0.1") + bytes(4)
"""Whom the connection comes from: the server may log it."""


class TunnelChannel(Session):
    """A stream of bytes to a port that the server reaches."""

    name = b"direct-tcpip"
    producer: IPushProducer | None = None

    def stopWriting(self) -> None:
        if self.producer is not None:
            self.producer.pauseProducing()

    def addWindowBytes(self, data: int) -> None:
        super().addWindowBytes(data)
        if self.producer is not None and not self.buf:
            self.producer.resumeProducing()


class TunnelTransport:
    """The wire of a connection that goes through another one.

    It ends together with the hop that carries it: nobody else uses that.
    """

    _log = Logger()
    disconnecting = False

    def __init__(self, hop: Connection, channel: TunnelChannel, protocol: Any) -> None:
        self._hop = hop
        self._channel = channel
        self._protocol = protocol

    def begin(self) -> None:
        """Hand what comes to the protocol, piece by piece: more is let through when it has dealt with the last."""
        self._protocol.makeConnection(self)
        Deferred.fromCoroutine(self._pump()).addErrback(
            lambda failure: self._log.failure("the connection through a jump host broke", failure=failure)
        )

    def write(self, data: bytes) -> None:
        """Send; what the hop does not take yet waits, which the windows of the connection inside keep bounded."""
        if not self._channel.localClosed:
            self._channel.write(data).addErrback(lambda failure: failure.trap(SSHError))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Tell it when the hop takes nothing more, and when it does again."""
        self._channel.producer = producer

    def unregisterProducer(self) -> None:
        """Nobody is told any more."""
        self._channel.producer = None

    def loseConnection(self) -> None:
        """End it in good order."""
        self.disconnecting = True
        self._channel.close()

    def abortConnection(self) -> None:
        """Cut it, and the hop with it."""
        self._hop.abort("the connection through it was given up")

    def setTcpNoDelay(self, enabled: bool) -> None:
        """The hop's own connection has that."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """The hop's own connection has that."""

    async def _pump(self) -> None:
        try:
            while data := await self._channel.stdout.read():
                self._protocol.dataReceived(data)
            reason = Failure(ConnectionDone())
        except SSHError:
            reason = Failure()
        await self._hop.close()
        self._protocol.connectionLost(reason)


async def open_tunnel(hop: Connection, host: str, port: int, protocol: Any) -> None:
    """Connect C{protocol} to a port through a connection; when that fails, the connection is closed.

    @raise ConnectFailed: the hop does not get there or does not let us, or the name is none.
    """
    channel = TunnelChannel(hop.meters)
    try:
        await hop.open(channel, NS(host.encode("idna")) + port.to_bytes(4, "big") + _ORIGIN)
    except UnicodeError as error:
        await hop.close()
        raise ConnectFailed(host, port, IMPOSSIBLE_NAME) from error
    except ChannelFailed as error:
        await hop.close()
        raise ConnectFailed(host, port, f"the jump host {hop.host} does not connect there: {error}") from error
    except BaseException:
        hop.abort("the connection through it was given up")
        raise
    TunnelTransport(hop, channel, protocol).begin()
