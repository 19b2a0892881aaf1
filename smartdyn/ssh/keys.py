"""Private keys for logging in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, Key

from smartdyn.secret import Secret
from smartdyn.ssh.errors import KeyUnusable

_RSA_ALGORITHMS = (b"rsa-sha2-512", b"rsa-sha2-256")


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A key that can sign."""

    _key: Key

    @property
    def blob(self) -> bytes:
        """The public part, as it goes over the wire (RFC 4253, 6.6)."""
        blob: bytes = self._key.public().blob()
        return blob

    def algorithm(self, server_algorithms: frozenset[bytes]) -> bytes:
        """The signature algorithm to use.

        An RSA key signs with SHA-2 (RFC 8332); OpenSSH has refused SHA-1 signatures since 8.8.

        @param server_algorithms: the server's C{server-sig-algs} (RFC 8308), empty when it did not say.
        """
        if self._key.type() != "RSA":
            name: bytes = self._key.sshType()
            return name
        return next((name for name in _RSA_ALGORITHMS if name in server_algorithms), _RSA_ALGORITHMS[0])

    def sign(self, data: bytes, algorithm: bytes) -> bytes:
        """A signature of C{data}."""
        signature: bytes = self._key.sign(data, algorithm)
        return signature

    def __repr__(self) -> str:
        return f"<private key {self._key.sshType().decode()}>"


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
