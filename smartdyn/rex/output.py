"""Turns the bytes that a script prints into text that can be stored and shown."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from smartdyn.rex.masking import Mask
from smartdyn.secret import Secret

_LARGEST = 64 * 1024
"""Bytes in one chunk; as text they are not more characters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some output.

    @param offset: how many bytes of the script's output are complete with it.
    """

    text: str
    offset: int


class OutputDecoder:
    """Decodes UTF-8 as it comes.

    Invalid bytes become U+FFFD and the job goes on; a character that is cut by the end of a read waits for its rest,
    and so does what may become a secret. Neither is counted as complete before: from there a host sends again after a
    restart.
    """

    def __init__(self, offset: int = 0, secrets: Iterable[Secret] = ()) -> None:
        """
        @param offset: where in the script's output the bytes begin.
        @param secrets: what must not be shown.
        """
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._mask = Mask(secrets)
        self.received = offset

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The text in C{data}, in chunks of bearable size, cut behind a line where there is one."""
        start = 0
        while start < len(data):
            end = self._end_of_chunk(data, start)
            self.received += end - start
            text = self._decoder.decode(self._mask.feed(data[start:end]))
            start = end
            if text:
                yield Piece(text, self.received - self._waiting())

    def finish(self) -> Iterator[Piece]:
        """What is left when nothing more will come."""
        text = self._decoder.decode(self._mask.finish(), final=True)
        if text:
            yield Piece(text, self.received)

    def _waiting(self) -> int:
        """How many bytes wait for others: as a whole they are the last that were received."""
        return len(self._decoder.getstate()[0]) + self._mask.held

    def _end_of_chunk(self, data: bytes, start: int) -> int:
        end = start + max(_LARGEST - self._waiting(), 1)
        if end >= len(data):
            return len(data)
        return data.rfind(b"\n", start, end) + 1 or end
