"""Output, which comes in chunks, as numbered lines.

A line ends with a line feed, or where another kind of output begins. So each line has one kind, and its number never
changes: links to lines stay good however the output was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from msgspec import Struct

from smartdyn.errors import InvalidRequest
from smartdyn.model.views import OutputChunk
from smartdyn.web.console.ansi import plain, render, style_after
from smartdyn.web.console.style import PLAIN, Style, styled

_MARK = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})\.([\d;]{0,100})", re.ASCII)
_PREVIEW = 4096
"""Characters of an unfinished line that are shown: it may be a progress bar that has been drawn a thousand times."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two lines, with all that is needed to go on from there.

    @param position: of the chunk with the next line's first character.
    @param skip: characters of that chunk that belong to earlier lines.
    @param number: of the next line.
    @param style: in which it begins.
    """

    position: int = 0
    skip: int = 0
    number: int = 1
    style: Style = PLAIN

    def __str__(self) -> str:
        return f"{self.position}.{self.skip}.{self.number}.{self.style.sgr()}"


START = Mark()


def parse_mark(text: str) -> Mark:
    """The mark that was written as text.

    @raise InvalidRequest: it is none.
    """
    found = _MARK.fullmatch(text)
    if found is None:
        raise InvalidRequest("This is no place in an output. Open the page of the output again.")
    position, skip, number = map(int, found.groups()[:3])
    return Mark(position, skip, max(number, 1), styled(PLAIN, found[4]) if found[4] else PLAIN)


class Line(Struct, frozen=True, gc=False):
    """A line of output; a page has hundreds of thousands.

    @param type: C{stdout}, C{stderr} or C{debug}.
    @param at: when its first character came, seconds since the epoch.
    @param raw: its text as the host sent it, without the line feed.
    @param style: in which it begins.
    """

    number: int
    type: str
    at: float
    raw: str
    style: Style = PLAIN

    @property
    def html(self) -> str:
        """Its text for a page."""
        return render(self.raw, self.style)[0]

    @property
    def text(self) -> str:
        """As a reader sees it."""
        return plain(self.raw)


class LineReader:
    """Makes lines of chunks that are fed to it in their order."""

    def __init__(self, mark: Mark = START) -> None:
        """
        @param mark: where to begin; the first chunk that is fed has its position, or a later one.
        """
        self._start = mark
        self._number = mark.number
        self._style = mark.style
        self._parts: list[str] = []
        self._type = ""
        self._at = 0.0
        self._next = 0
        self._place = (mark.position, mark.skip)

    @property
    def position(self) -> int:
        """Of the next chunk that is wanted."""
        return max(self._next, self._start.position)

    @property
    def mark(self) -> Mark:
        """The place behind the last line that ended."""
        return Mark(*self._place, self._number, self._style)

    def feed(self, chunks: Iterable[OutputChunk]) -> Iterator[Line]:
        """The lines that are complete now."""
        for chunk in chunks:
            yield from self._feed(chunk)

    def rest(self) -> Line | None:
        """The line that has begun and not ended; the end of it, when it is very long."""
        if not self._parts:
            return None
        text = "".join(self._parts)[-_PREVIEW:]
        return Line(self._number, self._type, self._at, text, self._style)

    def finish(self) -> Iterator[Line]:
        """The last line, when nothing more comes."""
        if self._parts:
            yield self._end("", self._next, 0)

    def _feed(self, chunk: OutputChunk) -> Iterator[Line]:
        position, text = chunk.position, chunk.text
        begin = self._start.skip if position == self._start.position else 0
        if begin < len(text):
            if self._parts and chunk.type != self._type:
                yield self._end("", position, begin)
            self._type = chunk.type
            if not self._parts:
                self._at = chunk.timestamp
        while (end := text.find("\n", begin)) >= 0:
            line, begin = text[begin:end], end + 1
            yield self._end(line, position, begin)
            self._at = chunk.timestamp
        if begin < len(text):
            self._parts.append(text[begin:])
        self._next = position + 1

    def _end(self, text: str, position: int, skip: int) -> Line:
        """
        @param text: of the line, behind what there is already of it.
        @param position: of the chunk with the next line's first character.
        """
        if self._parts:
            text = "".join([*self._parts, text])
            self._parts.clear()
        line = Line(self._number, self._type, self._at, text, self._style)
        self._number += 1
        if "\x1b" in text:
            self._style = style_after(text, self._style)
        self._place = (position, skip)
        return line
