"""What keeps packets secret and whole: AES in counter mode with a MAC, and AES-GCM."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CIPHERS = {
    "aes256-gcm@openssh.com": 32,
    "aes128-gcm@openssh.com": 16,
    "aes256-ctr": 32,
    "aes192-ctr": 24,
    "aes128-ctr": 16,
}
"""Bytes of key for each cipher, the one that we like best first."""

AEAD_CIPHERS = {name for name in CIPHERS if "-gcm" in name}

MACS = {
    "hmac-sha2-256-etm@openssh.com": "sha256",
    "hmac-sha2-512-etm@openssh.com": "sha512",
    "hmac-sha2-256": "sha256",
    "hmac-sha2-512": "sha512",
}
"""The hash of each MAC, the one that we like best first."""

_LENGTH = 4
_BLOCK = 16
_MAC_KEY_LENGTHS = {"sha256": 32, "sha512": 64}


class PacketRefused(Exception):
    """A packet is not what the server sent, or breaks the rules; the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one direction (RFC 4253, section 7.2)."""

    iv: bytes
    encryption: bytes
    integrity: bytes

    def __repr__(self) -> str:
        return "Keys([hidden])"


class Protection(Protocol):
    """Protects the packets of one direction.

    @ivar block: what is encrypted comes in multiples of this.
    @ivar head: how many bytes must be there before the length of a packet can be read.
    @ivar tag: bytes that follow a packet to prove it.
    @ivar covers_length: the length counts when a packet is padded to whole blocks.
    """

    block: int
    head: int
    tag: int
    covers_length: bool

    def seal(self, sequence: int, packet: bytes) -> bytes:
        """Encrypt a packet that begins with its length, and prove it."""

    def length(self, head: bytes) -> int:
        """The length that stands in front of a packet; asked once for each."""

    def open(self, sequence: int, packet: bytes) -> bytes:
        """Check and decrypt a packet with its length and tag.

        @return: what comes after the length.
        @raise PacketRefused: it was changed on the way.
        """


class Unprotected:
    """Before the first keys (RFC 4253, section 6)."""

    block = 8
    head = _LENGTH
    tag = 0
    covers_length = True

    def seal(self, sequence: int, packet: bytes) -> bytes:
        """The packet itself."""
        return packet

    def length(self, head: bytes) -> int:
        """Stands there in the clear."""
        return int.from_bytes(head[:_LENGTH], "big")

    def open(self, sequence: int, packet: bytes) -> bytes:
        """The packet itself."""
        return packet[_LENGTH:]


class GCM:
    """AES-GCM: the length is in the clear, but proven (RFC 5647, OpenSSH PROTOCOL section 1.6)."""

    block = _BLOCK
    head = _LENGTH
    tag = 16
    covers_length = False

    def __init__(self, keys: Keys, key_length: int) -> None:
        self._cipher = AESGCM(keys.encryption[:key_length])
        self._fixed = keys.iv[:4]
        self._counter = int.from_bytes(keys.iv[4:12], "big")

    def seal(self, sequence: int, packet: bytes) -> bytes:
        """Length, ciphertext, tag."""
        length = packet[:_LENGTH]
        return length + self._cipher.encrypt(self._nonce(), packet[_LENGTH:], length)

    def length(self, head: bytes) -> int:
        """Stands there in the clear."""
        return int.from_bytes(head[:_LENGTH], "big")

    def open(self, sequence: int, packet: bytes) -> bytes:
        """Check and decrypt.

        @raise PacketRefused: the tag is wrong.
        """
        try:
            return self._cipher.decrypt(self._nonce(), packet[_LENGTH:], packet[:_LENGTH])
        except InvalidTag as error:
            raise PacketRefused("a packet was changed on the way (bad GCM tag)") from error

    def _nonce(self) -> bytes:
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) & 0xFFFFFFFFFFFFFFFF
        return nonce


class _CounterMode:
    """AES in counter mode (RFC 4344) with an HMAC (RFC 6668)."""

    block = _BLOCK

    def __init__(self, keys: Keys, key_length: int, digest: str, *, outgoing: bool) -> None:
        cipher = Cipher(algorithms.AES(keys.encryption[:key_length]), modes.CTR(keys.iv[:_BLOCK]))
        self._crypt: Callable[[bytes], bytes] = (cipher.encryptor() if outgoing else cipher.decryptor()).update
        self._digest = digest
        self.tag = _MAC_KEY_LENGTHS[digest]
        self._mac_key = keys.integrity[: self.tag]

    def _mac(self, sequence: int, data: bytes) -> bytes:
        return hmac.digest(self._mac_key, sequence.to_bytes(4, "big") + data, self._digest)

    def _check(self, sequence: int, data: bytes, mac: bytes) -> None:
        if not hmac.compare_digest(self._mac(sequence, data), mac):
            raise PacketRefused("a packet was changed on the way (bad MAC)")


class EncryptThenMac(_CounterMode):
    """The MAC is of what is on the wire; the length is in the clear (OpenSSH PROTOCOL, section 1.5)."""

    head = _LENGTH
    covers_length = False

    def seal(self, sequence: int, packet: bytes) -> bytes:
        """Length, ciphertext, MAC."""
        sealed = packet[:_LENGTH] + self._crypt(packet[_LENGTH:])
        return sealed + self._mac(sequence, sealed)

    def length(self, head: bytes) -> int:
        """Stands there in the clear."""
        return int.from_bytes(head[:_LENGTH], "big")

    def open(self, sequence: int, packet: bytes) -> bytes:
        """Check, then decrypt.

        @raise PacketRefused: the MAC is wrong.
        """
        sealed = packet[: -self.tag]
        self._check(sequence, sealed, packet[-self.tag :])
        return self._crypt(sealed[_LENGTH:])


class EncryptAndMac(_CounterMode):
    """The MAC is of the text before encryption, and the length is encrypted too (RFC 4253, section 6.4)."""

    head = _BLOCK
    covers_length = True
    _first = b""

    def seal(self, sequence: int, packet: bytes) -> bytes:
        """Ciphertext, MAC."""
        return self._crypt(packet) + self._mac(sequence, packet)

    def length(self, head: bytes) -> int:
        """Decrypts the first block, which L{open} does not have to do again."""
        self._first = self._crypt(head)
        return int.from_bytes(self._first[:_LENGTH], "big")

    def open(self, sequence: int, packet: bytes) -> bytes:
        """Decrypt, then check.

        @raise PacketRefused: the MAC is wrong.
        """
        text = self._first + self._crypt(packet[self.head : -self.tag])
        self._check(sequence, text, packet[-self.tag :])
        return text[_LENGTH:]


def protection(cipher: str, mac: str | None, keys: Keys, *, outgoing: bool) -> Protection:
    """What protects a direction with these algorithms.

    @param mac: None with a cipher that authenticates by itself.
    """
    if mac is None:
        return GCM(keys, CIPHERS[cipher])
    kind = EncryptThenMac if "-etm@" in mac else EncryptAndMac
    return kind(keys, CIPHERS[cipher], MACS[mac], outgoing=outgoing)
