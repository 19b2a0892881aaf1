"""The encrypted connection (RFC 4253), with the algorithms that are still trusted."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smartdyn.ssh.errors import HandshakeFailed
from smartdyn.ssh.host_key import HostKeyTransport
from smartdyn.ssh.trust import HostTrust, algorithms

_REKEY_AFTER = 3600.0
"""Seconds after which we ask for fresh keys (RFC 4253, section 9)."""


class ClientTransport(HostKeyTransport):
    """Our side of a connection, up to the moment when it is secure.

    No SHA-1, MD5, CBC, 3DES or DSS; the host key type that we know of the host comes first.
    """

    supportedKeyExchanges = [
        b"curve25519-sha256",
        b"curve25519-sha256@libssh.org",
        b"ecdh-sha2-nistp256",
        b"ecdh-sha2-nistp384",
        b"ecdh-sha2-nistp521",
        b"diffie-hellman-group-exchange-sha256",
    ]
    supportedCiphers = [b"aes256-ctr", b"aes128-ctr", b"aes192-ctr"]
    supportedMACs = [b"hmac-sha2-256", b"hmac-sha2-512"]
    supportedCompressions = [b"none"]

    def __init__(self, clock: IReactorTime, host: str, port: int, trust: HostTrust) -> None:
        super().__init__(host, port, trust)
        self._clock = clock
        self._reason: str | None = None
        self._rekey: Any = None
        self.secure: Deferred[None] = Deferred()
        self.lost: Deferred[str] = Deferred()
        self.supportedPublicKeys = algorithms(trust.key_types(host, port))

    def connectionSecure(self) -> None:
        # Called again after each exchange of fresh keys, when nobody is waiting any more.
        if not self.secure.called:
            self._schedule_rekey()
            self.secure.callback(None)

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        self._reason = self._reason or description.decode("utf-8", "replace")

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        self._reason = self._reason or desc.decode("utf-8", "replace")
        super().sendDisconnect(reason, desc)

    def connectionLost(self, reason: Failure | None = None) -> None:
        text = self._reason or (reason.getErrorMessage() if reason is not None else "closed")
        if self._rekey is not None and self._rekey.active():
            self._rekey.cancel()
        self.connection_ending(text)
        super().connectionLost(reason)
        if not self.secure.called:
            self.secure.errback(self.rejected or HandshakeFailed(self._host, self._port, text))
        self.lost.callback(text)

    def connection_ending(self, reason: str) -> None:
        """Let the channels know why they are about to be closed."""
        service = getattr(self, "service", None)
        ending = getattr(service, "connection_ending", None)
        if ending is not None:
            ending(reason)

    def drop(self, reason: str) -> None:
        """End the connection at once."""
        self._reason = self._reason or reason
        if self.transport is not None:
            wire: Any = self.transport
            wire.abortConnection()

    def _schedule_rekey(self) -> None:
        self._rekey = self._clock.callLater(_REKEY_AFTER, self._renew_keys)

    def _renew_keys(self) -> None:
        if self._keyExchangeState == self._KEY_EXCHANGE_NONE:
            self.sendKexInit()
        self._schedule_rekey()
