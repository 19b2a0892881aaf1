"""Channels on a connection (RFC 4254), with back-pressure and keepalives."""

from __future__ import annotations

from typing import Any

from twisted.conch.error import ConchError
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_SUCCESS,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    SSHConnection,
)
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from smartdyn.aio import deadline
from smartdyn.errors import DeadlineExceeded
from smartdyn.metrics.ssh import CHANNEL, SshMeters
from smartdyn.ssh.channel_messages import check
from smartdyn.ssh.errors import ChannelFailed, ConnectionLost
from smartdyn.ssh.session import Session
from smartdyn.ssh.wire import MessageReader

_KEEPALIVE_MISSES = 3
_CLOSE_LIMIT = 5.0
_PTY_REQUEST = b"\0\0\0\4dumb" + b"\0\0\0\x50\0\0\0\x18" + b"\0" * 8 + b"\0\0\0\1\0"


class ConnectionService(SSHConnection):
    """The connection protocol, with windows that open only as data is dealt with.

    Conch opens a channel's window again before anybody has seen the data, so a host could fill our memory; and it takes
    messages as they come, so one that does not fit would leave a channel of which nobody hears again.
    """

    transport: Any

    def __init__(self, host: str) -> None:
        super().__init__()
        self.lost: ConnectionLost | None = None
        self.started: Deferred[None] = Deferred()
        self._host = host

    def serviceStarted(self) -> None:
        super().serviceStarted()
        self.started.callback(None)

    def serviceStopped(self) -> None:
        # Conch tells channels that were being opened of the end, but not whose end it is
        for channel in self.channels.values():
            channel.conn = self
        super().serviceStopped()

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        if messageNum not in self.protocolMessages:
            self.transport.sendUnimplemented()
            return
        check(messageNum, packet, self)
        super().packetReceived(messageNum, packet)

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        """A server has nothing to open with us."""
        reader = MessageReader(packet)
        reader.string()
        refusal = OPEN_ADMINISTRATIVELY_PROHIBITED.to_bytes(4, "big") + NS(b"not from here") + NS(b"")
        self.transport.sendPacket(MSG_CHANNEL_OPEN_FAILURE, reader.take(4) + refusal)

    def ssh_CHANNEL_REQUEST(self, packet: bytes) -> None:
        reader = MessageReader(packet)
        channel = self.channels[reader.uint32()]
        name, wants_reply = reader.string(), reader.take(1) != b"\0"
        answer = MSG_CHANNEL_SUCCESS if channel.requestReceived(name, reader.rest()) else MSG_CHANNEL_FAILURE
        if wants_reply and not channel.localClosed:
            self.transport.sendPacket(answer, self.localToRemoteChannel[channel.id].to_bytes(4, "big"))

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        """We grant none; an answer is a sign of life all the same."""
        return 0

    def connection_ending(self, reason: str) -> None:
        """The connection is about to go: channels that are closed now were cut off."""
        self.lost = ConnectionLost(self._host, reason)

    def adjustWindow(self, channel: Any, bytesToAdd: int) -> None:
        """Conch would open the window here; see L{grant}."""

    def grant(self, channel: Session, count: int) -> None:
        """Let the host send C{count} bytes more on a channel."""
        if channel in self.channelsToRemoteChannel and not channel.localClosed:
            super().adjustWindow(channel, count)


class Connection:
    """A connection that is logged in."""

    def __init__(
        self,
        clock: IReactorTime,
        host: str,
        transport: Any,
        service: ConnectionService,
        channel_limit: float,
        keepalive: float,
        meters: SshMeters | None = None,
    ) -> None:
        self.host = host
        self._clock = clock
        self.meters = meters or SshMeters()
        self._transport = transport
        self._service = service
        self._channel_limit = channel_limit
        self._keepalive = keepalive
        self._unanswered = 0
        self._closing = False
        self._timer = clock.callLater(keepalive, self._check_alive)
        transport.lost.addBoth(self._ended)

    @property
    def is_open(self) -> bool:
        """Can it be used?"""
        return self._service.lost is None and not self._closing

    @property
    def sessions(self) -> int:
        """How many sessions are open on it."""
        return len(self._service.channels)

    async def execute(self, command: str, *, pty: bool = False) -> Session:
        """Run a command through the user's login shell.

        @param pty: with a terminal, as sudo and su want for asking a password.
        @raise ChannelFailed: the server refuses.
        @raise ConnectionLost: the connection is gone.
        """
        begun = self._clock.seconds()
        session = Session(self.meters)
        await self.open(session)
        self.meters.took(CHANNEL, self._clock.seconds() - begun)
        self.meters.sessions.inc()
        session.when_heard(self._clock)
        try:
            if pty:
                await self._request(session, b"pty-req", _PTY_REQUEST)
            encoded = command.encode("utf-8", "surrogateescape")
            await self._request(session, b"exec", len(encoded).to_bytes(4, "big") + encoded)
        except DeadlineExceeded as error:
            session.close()
            raise ChannelFailed(str(error)) from error
        return session

    async def open(self, channel: Session, extra: bytes = b"") -> None:
        """Open a channel.

        @param extra: what the server is told beside its type.
        @raise ChannelFailed: the server refuses.
        @raise ConnectionLost: the connection is gone.
        """
        if self._service.lost is not None:
            raise self._service.lost
        self._service.openChannel(channel, extra)
        try:
            await deadline(self._clock, self._channel_limit, "opening a channel", channel.opened)
        except DeadlineExceeded as error:
            channel.close()
            raise ChannelFailed(str(error)) from error

    async def close(self) -> None:
        """Say goodbye and close; a host that does not react is cut off."""
        if self._service.lost is not None:
            return
        self._closing = True
        self._transport.loseConnection()
        ended: Deferred[None] = Deferred()
        self._transport.lost.addBoth(_relay, ended)
        try:
            await deadline(self._clock, _CLOSE_LIMIT, "closing the connection", ended)
        except DeadlineExceeded:
            self.abort("closed by us")

    def abort(self, reason: str) -> None:
        """Cut the connection; everything that waits on it fails with L{ConnectionLost}."""
        self._transport.drop(reason)

    async def _request(self, session: Session, name: bytes, data: bytes) -> None:
        if session.localClosed:
            raise self._service.lost or ChannelFailed(
                f"The server closed the session before the {name.decode()} request."
            )
        answer = self._service.sendRequest(session, name, data, wantReply=1)
        try:
            await deadline(self._clock, self._channel_limit, f"the {name.decode()} request", answer)
        except ConchError as error:
            if self._service.lost is not None:
                raise self._service.lost from error
            session.close()
            raise ChannelFailed(f"The server refused the {name.decode()} request.") from error

    def _check_alive(self) -> None:
        if self._unanswered >= _KEEPALIVE_MISSES:
            self.abort(f"the host did not answer for {self._unanswered * self._keepalive:g} s")
            return
        self._unanswered += 1
        answer = self._service.sendGlobalRequest(b"keepalive@openssh.com", b"", wantReply=1)
        answer.addBoth(self._answered)
        self._timer = self._clock.callLater(self._keepalive, self._check_alive)

    def _answered(self, _: object) -> None:
        self._unanswered = 0

    def _ended(self, reason: str) -> str:
        if self._timer.active():
            self._timer.cancel()
        if not self._closing:
            self.meters.lost.inc()
        return reason


def _relay(reason: str, ended: Deferred[None]) -> str:
    if not ended.called:
        ended.callback(None)
    return reason
