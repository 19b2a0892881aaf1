"""The encrypted connection (RFC 4253), with the algorithms that are still trusted."""

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smartdyn.ssh.errors import HandshakeFailed, HostKeyRejected
from smartdyn.ssh.known_hosts import KnownHosts

_KEY_TYPE_ALGORITHMS = {"ssh-rsa": (b"rsa-sha2-512", b"rsa-sha2-256")}

_REKEY_AFTER = 3600.0
"""Seconds after which we ask for fresh keys (RFC 4253, section 9)."""


class ClientTransport(SSHClientTransport):
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
    supportedPublicKeys = [
        b"ssh-ed25519",
        b"ecdsa-sha2-nistp256",
        b"ecdsa-sha2-nistp384",
        b"ecdsa-sha2-nistp521",
        b"rsa-sha2-512",
        b"rsa-sha2-256",
    ]

    def __init__(self, clock: IReactorTime, host: str, port: int, known_hosts: KnownHosts) -> None:
        self._clock = clock
        self._host = host
        self._port = port
        self._known_hosts = known_hosts
        self._reason: str | None = None
        self._rekey: Any = None
        self.secure: Deferred[None] = Deferred()
        self.lost: Deferred[str] = Deferred()
        self.rejected: HostKeyRejected | None = None
        self.supportedPublicKeys = self._preferred_key_types()

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Deferred[Any]:
        key_type = getNS(hostKey)[0].decode("ascii", "replace")
        try:
            self._known_hosts.verify(self._host, self._port, key_type, hostKey)
        except HostKeyRejected as error:
            self.rejected = error
            return fail(error)
        return succeed(True)

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

    def _preferred_key_types(self) -> list[bytes]:
        known = [
            algorithm
            for key_type in self._known_hosts.key_types(self._host, self._port)
            for algorithm in _KEY_TYPE_ALGORITHMS.get(key_type, (key_type.encode(),))
        ]
        ours = type(self).supportedPublicKeys
        return [*(name for name in ours if name in known), *(name for name in ours if name not in known)]

    def _schedule_rekey(self) -> None:
        self._rekey = self._clock.callLater(_REKEY_AFTER, self._renew_keys)

    def _renew_keys(self) -> None:
        if self._keyExchangeState == self._KEY_EXCHANGE_NONE:
            self.sendKexInit()
        self._schedule_rekey()
