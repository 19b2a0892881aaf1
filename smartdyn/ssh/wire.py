"""Reading the data types of SSH messages (RFC 4251, section 5), refusing what is cut short."""

from __future__ import annotations

_SHOWN = 120


class Malformed(ValueError):
    """A message does not have the form that it should have."""


class MessageReader:
    """Takes one field after another from a message.

    Conch's C{getNS} gives what is there when a message is too short; a key exchange must not go on with that.
    """

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def take(self, count: int) -> bytes:
        """As many bytes as asked for.

        @raise Malformed: there are fewer.
        """
        data = self._payload[self._at : self._at + count]
        if len(data) < count:
            raise Malformed("a message is cut short")
        self._at += count
        return data

    def uint32(self) -> int:
        """A number of four bytes."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Bytes with their length in front."""
        return self.take(self.uint32())

    def mpint(self) -> int:
        """A number of any size, with its sign."""
        return int.from_bytes(self.string(), "big", signed=True)

    def names(self) -> tuple[str, ...]:
        """A list of names with commas between them."""
        text = self.string().decode("ascii", "replace")
        return tuple(text.split(",")) if text else ()

    def rest(self) -> bytes:
        """All that follows."""
        return self._payload[self._at :]

    def end(self) -> None:
        """Nothing may follow.

        @raise Malformed: something does.
        """
        if self._at != len(self._payload):
            raise Malformed("a message is longer than it should be")


def shown(data: bytes) -> str:
    """What a server said, fit for a log and an error: not too long, and without control characters."""
    text = data[:_SHOWN].decode("utf-8", "replace").strip()
    return "".join(each if each.isprintable() else "?" for each in text)
