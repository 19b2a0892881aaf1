"""Which lines of an output a page is asked for, and which of them there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from smartdyn.errors import InvalidRequest
from smartdyn.web.arguments import argument, number

TAIL = 5_000
"""Lines that are shown when none are asked for: the last ones."""

MOST_LINES = 300_000
"""Lines of one page."""

_BEFORE = 100
"""Lines that are shown before those that a link points at."""

ANY = 10**15
"""More than the number of any line."""


@dataclass(frozen=True, slots=True)
class Window:
    """Lines of an output that has so many just now.

    @param last: the number of the last line that is wanted; there may not be so many yet.
    @param marked: those that a link points at, and that there are.
    @param missing: the number of a line that was asked for, and that there is not; 0 when there is none.
    """

    total: int
    first: int
    last: int
    marked: range
    missing: int

    @property
    def shown(self) -> int:
        """How many of its lines there are."""
        return min(self.last, self.total) - self.first + 1

    @property
    def lines(self) -> str:
        """What points at the lines in an address; empty when none are pointed at."""
        return _joined("", self.marked)

    @property
    def fragment(self) -> str:
        """What leads to them on the page."""
        return _joined("L", self.marked)


def window(request: Any, total: int) -> Window:
    """What is asked for, of an output with so many lines: what there is of it, or else the end.

    @raise InvalidRequest: that could never be.
    """
    first, last = bounds(request)
    text = argument(request, "go") or argument(request, "lines")
    chosen = _range(text) if text else range(0)
    begin = first if argument(request, "from") else chosen.start - _BEFORE if chosen else 0
    wanted = max(chosen.start, first)
    missing = wanted if wanted > max(total, 1) else 0
    if missing or not begin:
        begin = min(last, total) - TAIL + 1
    begin = max(1, begin)
    marked = range(chosen.start, min(chosen.stop, total + 1))
    return Window(total, begin, min(last, begin + MOST_LINES - 1), marked, missing)


def bounds(request: Any) -> tuple[int, int]:
    """The first and the last line that are wanted.

    @raise InvalidRequest: there is nothing from the one to the other.
    """
    first, last = max(1, number(request, "from", 1)), number(request, "to", ANY)
    if last < first:
        raise InvalidRequest(f"There are no lines from {first} to {last}. Give a `to` that is not before `from`.")
    return first, last


def _range(text: str) -> range:
    """The lines that a link points at: C{10} or C{10-20}."""
    found = re.fullmatch(r"L?(\d{1,15})(?:-L?(\d{1,15}))?", text, re.ASCII)
    if found is None:
        raise InvalidRequest(f"{text[:40]!r} are no lines. Give a number or two, as 10 or 10-20.")
    first, last = sorted((int(found[1]), int(found[2] or found[1])))
    if not first:
        raise InvalidRequest("There is no line 0: the first one is 1.")
    return range(first, last + 1)


def _joined(prefix: str, marked: range) -> str:
    return "-".join(f"{prefix}{end}" for end in sorted({marked.start, marked.stop - 1})) if marked else ""
