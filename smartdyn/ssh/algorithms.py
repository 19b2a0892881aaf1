"""Which algorithms we take, in what order, and what is agreed on with a server (RFC 4253, section 7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from twisted.conch.ssh.common import NS

from smartdyn.ssh.ciphers import AEAD_CIPHERS, CIPHERS, MACS
from smartdyn.ssh.key_exchange import offered_key_exchanges
from smartdyn.ssh.wire import MessageReader

STRICT_CLIENT = "kex-strict-c-v00@openssh.com"
STRICT_SERVER = "kex-strict-s-v00@openssh.com"
"""Strict key exchange (OpenSSH PROTOCOL, section 1.10), the answer to the Terrapin attack."""

_EXTENSIONS_CLIENT = "ext-info-c"
"""We want to be told which signatures are accepted (RFC 8308, section 2.1)."""

_COOKIE_LENGTH = 16


class NoCommonAlgorithm(Exception):
    """The server and we have nothing in common; the text names both sides."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The name lists of a KEXINIT message, in its order: c2s is what the client sends, s2c what the server sends."""

    key_exchange: tuple[str, ...]
    host_key: tuple[str, ...]
    cipher_c2s: tuple[str, ...]
    cipher_s2c: tuple[str, ...]
    mac_c2s: tuple[str, ...]
    mac_s2c: tuple[str, ...]
    compression_c2s: tuple[str, ...]
    compression_s2c: tuple[str, ...]
    languages_c2s: tuple[str, ...] = field(default=(), repr=False)
    languages_s2c: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def decode(cls, payload: bytes) -> Proposal:
        """The lists of a KEXINIT message without its number.

        Whether a guessed packet follows is not looked at: in each exchange that we take the client speaks first.

        @raise smartdyn.ssh.wire.Malformed: it is none.
        """
        reader = MessageReader(payload)
        reader.take(_COOKIE_LENGTH)
        proposal = cls(*(reader.names() for _ in fields(cls)))
        reader.take(1 + 4)
        reader.end()
        return proposal

    def encode(self, cookie: bytes) -> bytes:
        """The message without its number."""
        lists = (",".join(getattr(self, each.name)).encode() for each in fields(self))
        return cookie + b"".join(NS(names) for names in lists) + bytes(1 + 4)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What was agreed on; a MAC is None where the cipher authenticates by itself."""

    key_exchange: str
    host_key: str
    cipher_out: str
    cipher_in: str
    mac_out: str | None
    mac_in: str | None


def our_proposal(host_keys: Sequence[str]) -> Proposal:
    """What we offer.

    @param host_keys: the host key algorithms, those of keys that we know first.
    """
    return Proposal(
        (*offered_key_exchanges(), _EXTENSIONS_CLIENT, STRICT_CLIENT),
        tuple(host_keys),
        tuple(CIPHERS),
        tuple(CIPHERS),
        tuple(MACS),
        tuple(MACS),
        ("none",),
        ("none",),
    )


def agree(ours: Proposal, theirs: Proposal) -> Algorithms:
    """The first of our algorithms that the server has, of each kind.

    @raise NoCommonAlgorithm: there is none of some kind.
    """
    missing: list[str] = []

    def choose(name: str) -> str:
        mine, other = getattr(ours, name), getattr(theirs, name)
        common = next((each for each in mine if each in other and each not in _NO_ALGORITHMS), None)
        if common is None:
            missing.append(_mismatch(name, mine, other))
        return common or ""

    key_exchange, host_key = choose("key_exchange"), choose("host_key")
    cipher_out, cipher_in = choose("cipher_c2s"), choose("cipher_s2c")
    mac_out = None if cipher_out in AEAD_CIPHERS else choose("mac_c2s")
    mac_in = None if cipher_in in AEAD_CIPHERS else choose("mac_s2c")
    choose("compression_c2s")
    choose("compression_s2c")
    if missing:
        raise NoCommonAlgorithm(
            "; ".join(dict.fromkeys(missing)) + ". Enable one of those on the host, or update its SSH server."
        )
    return Algorithms(key_exchange, host_key, cipher_out, cipher_in, mac_out, mac_in)


_NO_ALGORITHMS = {_EXTENSIONS_CLIENT, STRICT_CLIENT}

_KINDS = {
    "key_exchange": "key exchange algorithm",
    "host_key": "host key algorithm",
    "cipher": "cipher",
    "mac": "MAC",
    "compression": "compression",
}


def _mismatch(name: str, mine: Sequence[str], other: Sequence[str]) -> str:
    kind = _KINDS[name.removesuffix("_c2s").removesuffix("_s2c")]
    would = ", ".join(each for each in mine if each not in _NO_ALGORITHMS)
    return f"no {kind} in common: the server offers {', '.join(other) or 'none'}, we would take {would}"
