"""The binary packet protocol (RFC 4253, section 6), without any input or output of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from smartdyn.ssh.ciphers import PacketRefused, Protection, Unprotected

LARGEST_PACKET = 256 * 1024
"""A server that announces more is not taken seriously; OpenSSH has the same bound."""

_LENGTH = 4
_LEAST_PADDING = 4


class _Direction:
    """What both directions count.

    @ivar sequence: the number of the next packet.
    @ivar octets: bytes under the present keys.
    @ivar packets: packets under the present keys.
    """

    def __init__(self) -> None:
        self._protection: Protection = Unprotected()
        self.sequence = 0
        self.octets = 0
        self.packets = 0

    def renew(self, protection: Protection, *, restart: bool) -> None:
        """Use other keys from the next packet on.

        @param restart: the sequence begins anew, as strict key exchange demands.
        """
        self._protection = protection
        self.octets = self.packets = 0
        if restart:
            self.sequence = 0

    def _count(self, octets: int) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFFFFFF
        self.octets += octets
        self.packets += 1


class PacketReader(_Direction):
    """Cuts a stream of bytes into payloads."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Data has come."""
        self._buffer += data

    @property
    def unread(self) -> int:
        """Bytes that have come and were not asked for yet."""
        return len(self._buffer)

    def next_payload(self) -> bytes | None:
        """The next whole packet's payload, None when more data is needed.

        @raise PacketRefused: there is no sense in it.
        """
        if not self._total and not self._read_length():
            return None
        total = self._total
        if len(self._buffer) < total:
            return None
        with memoryview(self._buffer) as whole:
            packet = bytes(whole[:total])
        # A bytearray drops what is at its front without moving the rest
        del self._buffer[:total]
        self._total = 0
        body = self._protection.open(self.sequence, packet)
        self._count(total)
        return _without_padding(body)

    def _read_length(self) -> bool:
        kind = self._protection
        if len(self._buffer) < kind.head:
            return False
        length = kind.length(bytes(self._buffer[: kind.head]))
        padded = length + (_LENGTH if kind.covers_length else 0)
        # The first block is decrypted with the length, so it has to be a part of the packet
        if length > LARGEST_PACKET or padded < kind.block or padded % kind.block:
            raise PacketRefused(f"a packet claims a length of {length} bytes")
        self._total = _LENGTH + length + kind.tag
        return True


class PacketWriter(_Direction):
    """Makes packets of payloads."""

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        super().__init__()
        self._random = random

    def seal(self, payload: bytes) -> bytes:
        """What goes over the wire."""
        kind = self._protection
        padded = 1 + len(payload) + (_LENGTH if kind.covers_length else 0)
        padding = kind.block - padded % kind.block
        if padding < _LEAST_PADDING:
            padding += kind.block
        head = (1 + len(payload) + padding).to_bytes(_LENGTH, "big") + bytes((padding,))
        packet = kind.seal(self.sequence, head + payload + self._random(padding))
        self._count(len(packet))
        return packet


@dataclass(frozen=True, slots=True)
class RekeyLimits:
    """When keys have done enough (RFC 4253, section 9; RFC 4344, section 3)."""

    seconds: float = 3600.0
    octets: int = 2**30
    packets: int = 2**31

    def reached(self, direction: PacketReader | PacketWriter) -> bool:
        """Whether a direction has used its keys up; their age is for others to watch."""
        return direction.octets >= self.octets or direction.packets >= self.packets


def _without_padding(body: bytes) -> bytes:
    padding = body[0]
    if not _LEAST_PADDING <= padding < len(body) - 1:
        raise PacketRefused(f"a packet of {len(body)} bytes claims {padding} bytes of padding")
    return body[1:-padding]
