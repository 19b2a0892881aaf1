"""Looking for a regular expression in an output, with the lines around what is found.

Patterns come from people, and some take for ever (catastrophic backtracking). The library C{regex} gives up at a time
limit and lets go of the interpreter's lock meanwhile; the standard library's C{re} does neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

import regex

from smartdyn.errors import InvalidRequest
from smartdyn.model.views import OutputChunk
from smartdyn.web.console.lines import Line, LineReader

MOST_HITS = 500
_MOST_CONTEXT = 20
_SECONDS = 3.0
_LONGEST_PATTERN = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found.

    @param groups: hits with the lines around them; those that touch are together.
    @param hits: the numbers of the lines that match.
    @param cut: why there may be more, None when there is not.
    """

    groups: tuple[tuple[Line, ...], ...]
    hits: frozenset[int]
    cut: str | None = None


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


def find(chunks: Iterable[OutputChunk], pattern: regex.Pattern[str], context: int) -> Found:
    """Search line by line; called in a thread.

    @param context: how many lines before and after a hit are wanted.
    """
    until = monotonic() + _SECONDS
    context = min(context, _MOST_CONTEXT)
    collected = _Collector(context)
    reader = LineReader()
    try:
        for line in _lines(reader, chunks):
            left = until - monotonic()
            hit = left > 0 and pattern.search(line.text, timeout=left, concurrent=True) is not None
            if left <= 0:
                raise TimeoutError
            collected.add(line, hit)
            if len(collected.hits) >= MOST_HITS:
                return collected.found(f"These are the first {MOST_HITS} lines that match; search for less.")
    except TimeoutError:
        return collected.found(f"The search took longer than {_SECONDS:g} s and was ended; try a simpler pattern.")
    return collected.found(None)


def _lines(reader: LineReader, chunks: Iterable[OutputChunk]) -> Iterable[Line]:
    yield from reader.feed(chunks)
    yield from reader.finish()


class _Collector:
    """Keeps hits, and the lines around them."""

    def __init__(self, context: int) -> None:
        self.hits: set[int] = set()
        self._context = context
        self._before: deque[Line] = deque(maxlen=context)
        self._after = 0
        self._groups: list[list[Line]] = []

    def add(self, line: Line, hit: bool) -> None:
        """The next line."""
        if hit:
            self.hits.add(line.number)
            if not self._groups or self._groups[-1][-1].number < line.number - 1 - len(self._before):
                self._groups.append([])
            self._groups[-1] += [*self._before, line]
            self._before.clear()
            self._after = self._context
        elif self._after:
            self._groups[-1].append(line)
            self._after -= 1
        else:
            self._before.append(line)

    def found(self, cut: str | None) -> Found:
        """All of it."""
        return Found(tuple(tuple(group) for group in self._groups), frozenset(self.hits), cut)
