"""Looking for a regular expression in an output, with the lines around what is found, a slice at a time.

Patterns come from people, and some take for ever (catastrophic backtracking). The library C{regex} gives up at a time
limit and lets go of the interpreter's lock meanwhile; the standard library's C{re} does neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

import regex

from smartdyn.errors import InvalidRequest
from smartdyn.model.views import OutputChunk
from smartdyn.web.console.lines import START, Line, LineReader, Mark

MOST_HITS = 200
"""Lines that match, on one page."""

_SLICE = 0.2
"""Seconds of reading, after which others who read have their turn."""

_LINE = 0.5
"""Seconds for one line: with a pattern that takes longer, no other would be reached."""

_MOST_CONTEXT = 20
_LONGEST_PATTERN = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found so far.

    @param groups: hits with the lines around them; those that touch are together.
    @param hits: the numbers of the lines that match.
    @param first: the number of the first line that was looked at.
    @param last: the number of the last one.
    @param rest: where to go on; None when there is nothing more.
    @param problem: why it does not go on though there is more.
    """

    groups: tuple[tuple[Line, ...], ...]
    hits: frozenset[int]
    first: int
    last: int
    rest: Mark | None = None
    problem: str | None = None


def compiled(pattern: str) -> regex.Pattern[str]:
    """A pattern that people wrote; lower case means that case does not matter.

    @raise InvalidRequest: it is none; the text says where it is wrong.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise InvalidRequest(f"A pattern may have {_LONGEST_PATTERN} characters; this one has {len(pattern)}.")
    try:
        return regex.compile(pattern, regex.IGNORECASE if pattern.islower() else 0)
    except regex.error as error:
        raise InvalidRequest(f"{pattern!r} is no regular expression: {error}.") from None


class Search:
    """Goes through an output."""

    def __init__(
        self,
        pattern: regex.Pattern[str],
        context: int,
        mark: Mark = START,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        """
        @param context: how many lines before and after a hit are wanted.
        @param mark: where to begin.
        @param seconds: tells the time.
        """
        self._pattern = pattern
        self._seconds = seconds
        self._start = mark
        self._lines = LineReader(mark)
        self._collected = _Collector(min(context, _MOST_CONTEXT))
        self._ended = False
        self._problem: str | None = None

    @property
    def position(self) -> int:
        """Of the chunk that is to be read next."""
        return self._lines.position

    @property
    def is_over(self) -> bool:
        """Is there nothing more to look at, or no room for more?"""
        return self._ended or self._problem is not None or len(self._collected.hits) >= MOST_HITS

    @property
    def has_moved(self) -> bool:
        """Has it come further than where it began?"""
        return self._lines.mark != self._start

    def read(self, chunks: Iterable[OutputChunk]) -> None:
        """Look at lines for as long as a slice is; called in a thread.

        @param chunks: from L{position} on.
        """
        until = self._seconds() + _SLICE
        for chunk in chunks:
            self._look_at(self._lines.feed([chunk]))
            if self.is_over or self._seconds() >= until:
                return
        self._look_at(self._lines.finish())
        self._ended = self._problem is None

    def found(self) -> Found:
        """All of it."""
        groups = tuple(tuple(group) for group in self._collected.groups)
        rest = None if self._ended or self._problem is not None else self._lines.mark
        last = self._lines.mark.number - 1
        return Found(groups, frozenset(self._collected.hits), self._start.number, last, rest, self._problem)

    def _look_at(self, lines: Iterable[Line]) -> None:
        for line in lines:
            try:
                hit = self._pattern.search(line.text, timeout=_LINE, concurrent=True) is not None
            except TimeoutError:
                self._problem = f"It takes too long with line {line.number}; try a simpler pattern."
                return
            self._collected.add(line, hit)
            if self.is_over:
                return


class _Collector:
    """Keeps hits, and the lines around them."""

    def __init__(self, context: int) -> None:
        self.hits: set[int] = set()
        self._context = context
        self._before: deque[Line] = deque(maxlen=context)
        self._after = 0
        self.groups: list[list[Line]] = []

    def add(self, line: Line, hit: bool) -> None:
        """The next line."""
        if hit:
            self.hits.add(line.number)
            if not self.groups or self.groups[-1][-1].number < line.number - 1 - len(self._before):
                self.groups.append([])
            self.groups[-1] += [*self._before, line]
            self._before.clear()
            self._after = self._context
        elif self._after:
            self.groups[-1].append(line)
            self._after -= 1
        else:
            self._before.append(line)
