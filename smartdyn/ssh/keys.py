"""What signs when we log in with a key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, Key

from smartdyn.secret import Secret
from smartdyn.ssh.certificates import CERTIFICATE
from smartdyn.ssh.errors import KeyUnusable

RSA_ALGORITHMS = (b"rsa-sha2-512", b"rsa-sha2-256")
"""How RSA keys sign (RFC 8332); OpenSSH has refused SHA-1 signatures since 8.8."""


class Identity(Protocol):
    """A key that can be logged in with."""

    @property
    def blob(self) -> bytes:
        """The public part, as it goes over the wire (RFC 4253, 6.6)."""

    async def sign(self, data: bytes, algorithm: bytes) -> bytes:
        """A signature of C{data}.

        @raise KeyUnusable: whoever keeps the key does not sign with it.
        """


def signature_algorithm(blob: bytes, server_algorithms: frozenset[bytes]) -> bytes:
    """The algorithm to sign with (RFC 8332).

    @param server_algorithms: the server's C{server-sig-algs} (RFC 8308), empty when it did not say.
    """
    key_type: bytes = getNS(blob)[0]
    plain = key_type.removesuffix(CERTIFICATE.encode())
    if plain != b"ssh-rsa":
        return key_type
    suffix = key_type[len(plain) :]
    return next((name for name in RSA_ALGORITHMS if name in server_algorithms), RSA_ALGORITHMS[0]) + suffix


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A key from a file."""

    _key: Key

    @property
    def blob(self) -> bytes:
        """The public part."""
        blob: bytes = self._key.public().blob()
        return blob

    async def sign(self, data: bytes, algorithm: bytes) -> bytes:
        """A signature of C{data}."""
        signature: bytes = self._key.sign(data, algorithm)
        return signature

    def __repr__(self) -> str:
        return f"<private key {self._key.sshType().decode()}>"


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A key that an authority vouches for (PROTOCOL.certkeys): it signs, and the certificate is shown."""

    key: Identity
    blob: bytes

    async def sign(self, data: bytes, algorithm: bytes) -> bytes:
        """A signature of C{data}: that of the key."""
        return await self.key.sign(data, algorithm.removesuffix(CERTIFICATE.encode()))


def load_private_key(path: Path, passphrase: Secret | None) -> PrivateKey:
    """The key in a file of OpenSSH's or PEM format. An unprotected key needs no passphrase and ignores one.

    @raise KeyUnusable: it is not there, not readable, not a key, or the passphrase does not fit.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"The private key {path} cannot be read: {error.strerror}.") from error
    try:
        return PrivateKey(Key.fromString(data))
    except EncryptedKeyError:
        if not passphrase:
            raise KeyUnusable(f"The private key {path} is protected by a passphrase, and none was given.") from None
    except (BadKeyError, ValueError) as error:
        raise KeyUnusable(f"{path} does not hold a usable private key: {error}") from error
    try:
        return PrivateKey(Key.fromString(data, passphrase=passphrase.reveal().encode()))
    except (BadKeyError, EncryptedKeyError, ValueError):
        raise KeyUnusable(f"The passphrase given for the private key {path} is wrong.") from None
