"""Turns the bytes that a script prints into text that can be stored and shown."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

_LARGEST = 64 * 1024
"""Characters in one chunk."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some output.

    @param offset: how many bytes of the script's output are complete with it.
    """

    text: str
    offset: int


class OutputDecoder:
    """Decodes UTF-8 as it comes.

    Invalid bytes become U+FFFD and the job goes on; a character that is cut by the end of a read waits for its rest.
    """

    def __init__(self, offset: int = 0) -> None:
        """
        @param offset: where in the script's output the bytes begin.
        """
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.received = offset

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The text in C{data}."""
        self.received += len(data)
        yield from self._pieces(self._decoder.decode(data), self.received - len(self._decoder.getstate()[0]))

    def finish(self) -> Iterator[Piece]:
        """What is left when nothing more will come."""
        yield from self._pieces(self._decoder.decode(b"", final=True), self.received)

    def _pieces(self, text: str, offset: int) -> Iterator[Piece]:
        """C{text} in chunks of bearable size, cut behind a line where there is one.

        Only the last one is counted as complete: after a restart a host sends again from there.
        """
        while len(text) > _LARGEST:
            cut = text.rfind("\n", 0, _LARGEST) + 1 or _LARGEST
            rest = text[cut:]
            yield Piece(text[:cut], offset - len(rest.encode("utf-8", "surrogatepass")))
            text = rest
        if text:
            yield Piece(text, offset)
