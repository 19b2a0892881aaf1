"""The lines with which a connection begins (RFC 4253, section 4.2)."""

from __future__ import annotations

from smartdyn.ssh.wire import shown

_LONGEST_LINE = 255
_MOST_BEFORE = 16 * 1024
_VERSIONS = (b"2.0", b"1.99")
_TOO_BUSY = ("Exceeded MaxStartups", "Not allowed at this time")
"""What OpenSSH says instead of its version when too many connect (sshd_config(5): MaxStartups, PerSourcePenalties)."""


class NotSSH(Exception):
    """What answers is no SSH server, or one that is too old."""


class IdentificationReader:
    """Finds the server's identification; other lines may stand before it, such as a reason why we are not served."""

    def __init__(self) -> None:
        self._buffer = b""
        self._before = 0
        self._last_line = ""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Data has come.

        @return: the identification and what follows it, None while there is none.
        @raise NotSSH: there will be none.
        """
        self._buffer += data
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            if line.startswith(b"SSH-"):
                return _checked(line.removesuffix(b"\r")), self._buffer
            self._skip(line)
        if len(self._buffer) > (_LONGEST_LINE if self._buffer.startswith(b"SSH-") else _MOST_BEFORE):
            raise NotSSH(f"this is no SSH server, it sent {shown(self._buffer)}")
        return None

    @property
    def last_words(self) -> str:
        """What the server said so far instead, if anything."""
        return shown(self._buffer) if self._buffer.strip() else self._last_line

    @property
    def turned_away(self) -> bool:
        """If nothing more comes: did the server only have no time for us, as far as it has said anything at all?"""
        return not self.last_words or self.last_words in _TOO_BUSY

    def _skip(self, line: bytes) -> None:
        self._before += len(line) + 1
        if line.strip():
            self._last_line = shown(line)
        if self._before > _MOST_BEFORE:
            raise NotSSH(f"this is no SSH server, it sent {self._last_line}")


def _checked(line: bytes) -> bytes:
    if len(line) > _LONGEST_LINE:
        raise NotSSH(f"the server's identification is too long: {shown(line)}")
    version = line.split(b"-", 2)[1]
    if version not in _VERSIONS:
        raise NotSSH(f"the server speaks version {shown(version)} of SSH, we speak 2.0")
    return line
