"""The server proves that it has its host key (RFC 4253, section 8), also when the key comes with a certificate.

Conch checks plain keys only, in the middle of its key exchanges; so the ends of those are here.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.conch.ssh import _kex
from twisted.conch.ssh.common import MP, NS, getMP, getNS
from twisted.conch.ssh.keys import BadKeyError, Key
from twisted.conch.ssh.transport import (
    DISCONNECT_HOST_KEY_NOT_VERIFIABLE,
    DISCONNECT_KEY_EXCHANGE_FAILED,
    SSHClientTransport,
)

from smartdyn.ssh.certificates import CERTIFICATE, plain_key
from smartdyn.ssh.errors import HostKeyRejected
from smartdyn.ssh.trust import HostTrust


def has_signed(host_key: bytes, algorithm: bytes, signature: bytes, data: bytes) -> bool:
    """Is this a signature of C{data} with the host key, made with the algorithm that was agreed upon?

    @param host_key: as the server sent it: the key, or its certificate.
    """
    wanted = algorithm.removesuffix(CERTIFICATE.encode())
    try:
        _, blob = plain_key(getNS(host_key)[0].decode("ascii", "replace"), host_key)
        return getNS(signature)[0] == wanted and bool(Key.fromString(blob).verify(signature, data))
    except (BadKeyError, ValueError):
        return False


class HostKeyTransport(SSHClientTransport):
    """Key exchanges that end with the check of the host key."""

    keyAlg: bytes

    def __init__(self, host: str, port: int, trust: HostTrust) -> None:
        self._host = host
        self._port = port
        self._trust = trust
        self.rejected: HostKeyRejected | None = None

    def check_host_key(self, host_key: bytes, signature: bytes, exchange_hash: bytes) -> bool:
        """Is it the host, and does it have its key? If not, the connection ends.

        @param exchange_hash: what the server has to have signed.
        """
        key_type = getNS(host_key)[0].decode("ascii", "replace")
        if not has_signed(host_key, self.keyAlg, signature, exchange_hash):
            self.sendDisconnect(DISCONNECT_KEY_EXCHANGE_FAILED, b"the signature with the host key is wrong")
            return False
        try:
            self._trust.verify(self._host, self._port, key_type, host_key)
        except HostKeyRejected as error:
            self.rejected = error
            self.sendDisconnect(DISCONNECT_HOST_KEY_NOT_VERIFIABLE, b"host key verification failed")
            return False
        return True

    def conclude_exchange(
        self, host_key: bytes, signature: bytes, exchanged: bytes, agree: Callable[[], bytes]
    ) -> None:
        """The server has answered: agree on the secret, check the host, and take keys from the secret.

        @param exchanged: what the hash covers of the exchange itself, without the secret.
        @param agree: makes the shared secret, encoded as the hash wants it.
        """
        try:
            secret = agree()
        except ValueError:
            self.sendDisconnect(DISCONNECT_KEY_EXCHANGE_FAILED, b"the server's part of the secret is invalid")
            return
        known = (self.ourVersionString, self.otherVersionString, self.ourKexInitPayload, self.otherKexInitPayload)
        covered = b"".join(NS(part) for part in (*known, host_key)) + exchanged + secret
        exchange_hash: bytes = _kex.getHashProcessor(self.kexAlg)(covered).digest()
        if self.check_host_key(host_key, signature, exchange_hash):
            self._keySetup(secret, exchange_hash)

    def _ssh_KEX_ECDH_REPLY(self, packet: bytes) -> None:
        host_key, theirs, signature, _ = getNS(packet, 3)
        exchanged = NS(self._encodeECPublicKey(self.ecPub)) + NS(theirs)
        self.conclude_exchange(
            host_key, signature, exchanged, lambda: self._generateECSharedSecret(self.ecPriv, theirs)
        )

    def _ssh_KEXDH_REPLY(self, packet: bytes) -> None:
        self._conclude_diffie_hellman(packet, b"")

    def ssh_KEX_DH_GEX_REPLY(self, packet: bytes) -> None:
        sizes = (self._dhMinimalGroupSize, self._dhPreferredGroupSize, self._dhMaximalGroupSize)
        group = b"".join(size.to_bytes(4, "big") for size in sizes) + MP(self.p) + MP(self.g)
        self._conclude_diffie_hellman(packet, group)

    def _conclude_diffie_hellman(self, packet: bytes, group: bytes) -> None:
        host_key, rest = getNS(packet)
        theirs, rest = getMP(rest)
        signature, _ = getNS(rest)
        exchanged = group + self.dhSecretKeyPublicMP + MP(theirs)
        self.conclude_exchange(host_key, signature, exchanged, lambda: self._finishEphemeralDH(theirs))
