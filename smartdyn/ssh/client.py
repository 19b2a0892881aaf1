"""Getting from an address to a connection that is logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory

from smartdyn.aio import cancelled_as_such, deadline
from smartdyn.errors import DeadlineExceeded
from smartdyn.metrics.ssh import AUTHENTICATION, CONNECT, KEY_EXCHANGE, RESOLVE, SshMeters
from smartdyn.ssh.connection import Connection, ConnectionService
from smartdyn.ssh.errors import (
    IMPOSSIBLE_NAME,
    AuthenticationFailed,
    ConnectFailed,
    ConnectionLost,
    HandshakeFailed,
    KnownHostsUnusable,
)
from smartdyn.ssh.phases import Phases
from smartdyn.ssh.transport import CLOSED, ClientTransport
from smartdyn.ssh.trust import HostTrust
from smartdyn.ssh.tunnel import open_tunnel
from smartdyn.ssh.userauth import Credentials, UserAuth

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ConnectionRefusedError, "Connection refused"),
    (NoRouteError, "No route to host"),
    (TCPTimedOutError, "Connection timed out"),
    (TimeoutError, "Connection timed out"),
    (DeadlineExceeded, "Connection timed out"),
    (DNSLookupError, "Could not resolve hostname: Name or service not known"),
    (UnicodeError, IMPOSSIBLE_NAME),
    (UnknownHostError, "Could not resolve hostname: Name or service not known"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to log in as, and where."""

    host: str
    port: int = 22
    user: str = "root"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each stage may take, in seconds."""

    connect: float = 60.0
    handshake: float = 30.0
    authentication: float = 60.0
    channel: float = 30.0


class _Factory(Factory):
    """Makes the one protocol of a connection.

    @ivar resolved_at: when the first address was tried, so when the name had been looked up.
    """

    noisy = False

    def __init__(self, clock: IReactorTime, transport: ClientTransport) -> None:
        self._clock = clock
        self._transport = transport
        self.resolved_at: float | None = None

    def startFactory(self) -> None:
        self.resolved_at = self.resolved_at or self._clock.seconds()

    def buildProtocol(self, addr: Any) -> ClientTransport:
        return self._transport


async def connect(
    reactor: Any,
    target: Target,
    credentials: Credentials,
    trust: HostTrust,
    deadlines: Deadlines | None = None,
    *,
    keepalive: float = 15.0,
    through: Connection | None = None,
    meters: SshMeters | None = None,
) -> Connection:
    """Connect, check the host key and log in.

    @param keepalive: seconds between signs of life; three that go unanswered end the connection.
    @param through: a connection to a host that leads there; it is ours from now on and ends with the new one.
    @raise ConnectFailed: no TCP connection.
    @raise HandshakeFailed: no common algorithm, or the server closed or was silent.
    @raise smartdyn.ssh.errors.HostKeyRejected: it is not the host we know.
    @raise KnownHostsUnusable: which host we know cannot be looked up or written down.
    @raise AuthenticationFailed: no credential was accepted.
    @raise ConnectionLost: it ended while logging in.
    """
    limits, measured = deadlines or Deadlines(), meters or SshMeters()
    with Phases(reactor, measured) as phases:
        try:
            transport = ClientTransport(reactor, target.host, target.port, trust, measured)
        except KnownHostsUnusable as error:
            if through is not None:
                through.abort(str(error))
            raise
        if through is None:
            await _connect_tcp(reactor, target, transport, limits.connect, phases)
        else:
            await open_tunnel(through, target.host, target.port, transport)
            phases.end(CONNECT)
        try:
            await _until_secure(reactor, target, transport, limits.handshake)
            phases.end(KEY_EXCHANGE)
            service = await log_in(reactor, target, transport, credentials, limits.authentication)
            phases.end(AUTHENTICATION)
        except BaseException as error:
            transport.drop(str(error) or type(error).__name__)
            raise
    return Connection(reactor, target.host, transport, service, limits.channel, keepalive, measured)


async def _connect_tcp(reactor: Any, target: Target, transport: ClientTransport, limit: float, phases: Phases) -> None:
    factory = _Factory(reactor, transport)
    try:
        endpoint = _endpoint(reactor, target, limit)
        await deadline(reactor, limit, "connecting", cancelled_as_such(endpoint.connect(factory)))
    except (ConnectError, DNSLookupError, DeadlineExceeded, OSError, UnicodeError) as error:
        raise ConnectFailed(target.host, target.port, _reason(error)) from error
    phases.end(RESOLVE, factory.resolved_at)
    phases.end(CONNECT)
    wire: Any = transport.transport
    wire.setTcpNoDelay(True)
    wire.setTcpKeepAlive(True)


def _endpoint(reactor: Any, target: Target, limit: float) -> Any:
    if isIPAddress(target.host):
        return TCP4ClientEndpoint(reactor, target.host, target.port, timeout=limit)
    if isIPv6Address(target.host):
        return TCP6ClientEndpoint(reactor, target.host, target.port, timeout=limit)
    return HostnameEndpoint(reactor, target.host.encode("idna"), target.port, timeout=limit)


async def _until_secure(reactor: Any, target: Target, transport: ClientTransport, limit: float) -> None:
    secure: Deferred[None] = Deferred()
    transport.secure.chainDeferred(secure)
    try:
        await deadline(reactor, limit, "the key exchange", secure)
    except DeadlineExceeded as error:
        raise HandshakeFailed(target.host, target.port, str(error)) from error


async def log_in(
    reactor: Any, target: Target, transport: ClientTransport, credentials: Credentials, limit: float
) -> ConnectionService:
    """Log in on a connection that is secure.

    @raise AuthenticationFailed: no credential was accepted.
    @raise ConnectionLost: it ended meanwhile, or the server was silent.
    """
    service = ConnectionService(target.host)
    auth = UserAuth(target.user, target.host, credentials, service)
    outcome: Deferred[AuthenticationFailed | ConnectionLost | None] = Deferred()

    def settle(result: Any) -> Any:
        if not outcome.called:
            outcome.callback(result)
        return result

    service.started.addCallback(settle)
    auth.failed.addCallback(settle)

    def ended(reason: str) -> str:
        # An account that PAM refuses (locked, expired) gets no other answer
        why = f"{reason} while {target.user} logged in; sshd's log there says why" if reason == CLOSED else reason
        settle(ConnectionLost(target.host, why))
        return reason

    transport.lost.addCallback(ended)
    transport.requestService(auth)
    try:
        error = await deadline(reactor, limit, "logging in", outcome)
    except DeadlineExceeded as expired:
        raise ConnectionLost(target.host, str(expired)) from expired
    if error is not None:
        raise error
    return service


def _reason(error: Exception) -> str:
    for kind, text in _REASONS:
        if isinstance(error, kind):
            return text
    return str(error) or type(error).__name__
