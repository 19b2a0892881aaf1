"""Agreeing on a secret with a server that signs what was said: the client's side of each method."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.conch.ssh.common import MP, NS

from smartdyn.ssh.groups import GENERATOR, modp_prime
from smartdyn.ssh.wire import Malformed, MessageReader

MSG_KEX_INIT = 30
MSG_KEX_REPLY = 31
MSG_KEX_DH_GEX_GROUP = 31
MSG_KEX_DH_GEX_INIT = 32
MSG_KEX_DH_GEX_REPLY = 33
MSG_KEX_DH_GEX_REQUEST = 34

_SMALLEST_GROUP, _PREFERRED_GROUP, _LARGEST_GROUP = 2048, 3072, 8192
"""Sizes to ask for in a group exchange (RFC 8270 raised the smallest)."""

_EXPONENT_BITS = 512
"""Twice the strength of the strongest cipher (RFC 4419, section 6.2)."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be sent."""

    number: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of an exchange.

    @ivar exchanged: what the exchange hash covers between host key and secret.
    @ivar secret: as the exchange hash and the keys take it.
    """

    host_key: bytes
    signature: bytes
    exchanged: bytes
    secret: bytes = field(repr=False)


class KeyExchange(Protocol):
    """One run of a method.

    @ivar digest: the hash that the method names.
    @ivar expects: the only message that the server may send now.
    """

    digest: str
    expects: int

    def begin(self) -> Message:
        """What we say first."""

    def receive(self, payload: bytes) -> Message | Reply:
        """What the server answered.

        @raise ValueError: it is none of the numbers that the method allows.
        """


class _Curve25519:
    """RFC 8731."""

    digest = "sha256"
    expects = MSG_KEX_REPLY

    def __init__(self) -> None:
        self._private = x25519.X25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()

    def begin(self) -> Message:
        return Message(MSG_KEX_INIT, NS(self._public))

    def receive(self, payload: bytes) -> Reply:
        host_key, public, signature = _reply(payload)
        secret = self._private.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        return Reply(host_key, signature, NS(self._public) + NS(public), _mpint(secret))


class _NISTCurve:
    """RFC 5656, section 4."""

    expects = MSG_KEX_REPLY

    def __init__(self, curve: ec.EllipticCurve, digest: str) -> None:
        self.digest = digest
        self._curve = curve
        self._private = ec.generate_private_key(curve)
        self._public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def begin(self) -> Message:
        return Message(MSG_KEX_INIT, NS(self._public))

    def receive(self, payload: bytes) -> Reply:
        host_key, public, signature = _reply(payload)
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, public)
        secret = self._private.exchange(ec.ECDH(), theirs)
        return Reply(host_key, signature, NS(self._public) + NS(public), _mpint(secret))


class _MLKEM768Curve25519:
    """Holds against quantum computers, and is no worse than curve25519 (draft-ietf-sshm-mlkem-hybrid-kex)."""

    digest = "sha256"
    expects = MSG_KEX_REPLY
    _ciphertext_length = 1088

    def __init__(self) -> None:
        self._kem = mlkem.MLKEM768PrivateKey.generate()
        self._curve = x25519.X25519PrivateKey.generate()
        self._public = self._kem.public_key().public_bytes_raw() + self._curve.public_key().public_bytes_raw()

    def begin(self) -> Message:
        return Message(MSG_KEX_INIT, NS(self._public))

    def receive(self, payload: bytes) -> Reply:
        host_key, answer, signature = _reply(payload)
        ciphertext, public = answer[: self._ciphertext_length], answer[self._ciphertext_length :]
        quantum_safe = self._kem.decapsulate(ciphertext)
        classical = self._curve.exchange(x25519.X25519PublicKey.from_public_bytes(public))
        secret = NS(hashlib.new(self.digest, quantum_safe + classical).digest())
        return Reply(host_key, signature, NS(self._public) + NS(answer), secret)


class _DiffieHellman:
    """A group with a number (RFC 8268)."""

    expects = MSG_KEX_REPLY

    def __init__(self, bits: int, digest: str) -> None:
        self.digest = digest
        self._secret = _GroupSecret(modp_prime(bits), GENERATOR)

    def begin(self) -> Message:
        return Message(MSG_KEX_INIT, self._secret.public)

    def receive(self, payload: bytes) -> Reply:
        return self._secret.finish(payload, b"")


class _GroupExchange:
    """A group that the server chooses (RFC 4419)."""

    digest = "sha256"
    expects = MSG_KEX_DH_GEX_GROUP
    _request = b"".join(size.to_bytes(4, "big") for size in (_SMALLEST_GROUP, _PREFERRED_GROUP, _LARGEST_GROUP))

    def __init__(self) -> None:
        self._secret: _GroupSecret | None = None
        self._group = b""

    def begin(self) -> Message:
        return Message(MSG_KEX_DH_GEX_REQUEST, self._request)

    def receive(self, payload: bytes) -> Message | Reply:
        if self._secret is not None:
            return self._secret.finish(payload, self._request + self._group)
        reader = MessageReader(payload)
        prime, generator = reader.mpint(), reader.mpint()
        reader.end()
        if not _SMALLEST_GROUP <= prime.bit_length() <= _LARGEST_GROUP or not 1 < generator < prime - 1:
            raise Malformed(f"a group of {prime.bit_length()} bits is not what we asked for")
        self._group = MP(prime) + MP(generator)
        self._secret = _GroupSecret(prime, generator)
        self.expects = MSG_KEX_DH_GEX_REPLY
        return Message(MSG_KEX_DH_GEX_INIT, self._secret.public)


class _GroupSecret:
    """Our secret number in a group (RFC 4253, section 8); it serves for one exchange only."""

    def __init__(self, prime: int, generator: int) -> None:
        self._prime = prime
        self._exponent = 1 << _EXPONENT_BITS - 1 | secrets.randbits(_EXPONENT_BITS - 1)
        self.public: bytes = MP(pow(generator, self._exponent, prime))

    def finish(self, payload: bytes, before: bytes) -> Reply:
        """The server's number gives the secret."""
        reader = MessageReader(payload)
        host_key, theirs, signature = reader.string(), reader.mpint(), reader.string()
        reader.end()
        if not 1 < theirs < self._prime - 1:
            raise Malformed("the server's number does not keep the secret")
        secret: bytes = MP(pow(theirs, self._exponent, self._prime))
        return Reply(host_key, signature, before + self.public + MP(theirs), secret)


_METHODS: dict[str, Callable[[], KeyExchange]] = {
    "mlkem768x25519-sha256": _MLKEM768Curve25519,
    "curve25519-sha256": _Curve25519,
    "curve25519-sha256@libssh.org": _Curve25519,
    "ecdh-sha2-nistp256": lambda: _NISTCurve(ec.SECP256R1(), "sha256"),
    "ecdh-sha2-nistp384": lambda: _NISTCurve(ec.SECP384R1(), "sha384"),
    "ecdh-sha2-nistp521": lambda: _NISTCurve(ec.SECP521R1(), "sha512"),
    "diffie-hellman-group16-sha512": lambda: _DiffieHellman(4096, "sha512"),
    "diffie-hellman-group14-sha256": lambda: _DiffieHellman(2048, "sha256"),
    "diffie-hellman-group-exchange-sha256": _GroupExchange,
}


@lru_cache
def offered_key_exchanges() -> tuple[str, ...]:
    """The methods, the one that we like best first, without those that the crypto library does not allow.

    OpenSSL knows ML-KEM since 3.5, and a host in FIPS mode has no curve25519.
    """
    return tuple(name for name, method in _METHODS.items() if _works(method))


def key_exchange(name: str) -> KeyExchange:
    """A new run of a method."""
    return _METHODS[name]()


def exchange_hash(digest: str, versions: tuple[bytes, bytes], proposals: tuple[bytes, bytes], reply: Reply) -> bytes:
    """What the server signs (RFC 4253, section 8).

    @param versions: the identification of client and server.
    @param proposals: the KEXINIT payloads of client and server, with their number.
    """
    said = b"".join(NS(part) for part in (*versions, *proposals, reply.host_key))
    return hashlib.new(digest, said + reply.exchanged + reply.secret).digest()


def derive(digest: str, secret: bytes, exchanged: bytes, session: bytes, letter: bytes, length: int = 64) -> bytes:
    """Key material (RFC 4253, section 7.2).

    @param letter: what for, A to F.
    """
    start = secret + exchanged
    found = hashlib.new(digest, start + letter + session).digest()
    while len(found) < length:
        found += hashlib.new(digest, start + found).digest()
    return found[:length]


def _works(method: Callable[[], Any]) -> bool:
    try:
        method()
    except UnsupportedAlgorithm:
        return False
    return True


def _reply(payload: bytes) -> tuple[bytes, bytes, bytes]:
    reader = MessageReader(payload)
    fields = reader.string(), reader.string(), reader.string()
    reader.end()
    return fields


def _mpint(secret: bytes) -> bytes:
    encoded: bytes = MP(int.from_bytes(secret, "big"))
    return encoded
