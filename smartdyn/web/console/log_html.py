"""Lines of output as the elements of a page, in blocks that browsers lay out only when they are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from smartdyn.web.console.format import clock, iso
from smartdyn.web.console.lines import Line

BLOCK = 500
"""Lines of a block."""


def element(line: Line, *, times: bool = False, marked: bool = False) -> str:
    """One line: its number, which links to it, perhaps its time, and its text.

    @param times: say when it came.
    """
    number = line.number
    kind = "" if line.type == "stdout" else f" {line.type}"
    at = f'<time datetime="{iso(line.at)}">{clock(line.at)}</time>' if times else ""
    link = f'<a class="n" tabindex="-1" href="#L{number}" data-n="{number}" aria-label="Line {number}"></a>'
    return f'<div class="l{kind}{" marked" if marked else ""}" id="L{number}">{link}{at}<code>{line.html}</code></div>'


def blocks(lines: Iterable[Line], *, times: bool = False, marked: range = range(0)) -> Iterator[str]:
    """Lines in blocks.

    @param marked: the numbers of those that somebody wanted to point at.
    """
    rest = iter(lines)
    while block := list(islice(rest, BLOCK)):
        yield '<div class="block">'
        yield "\n".join(element(line, times=times, marked=line.number in marked) for line in block)
        yield "</div>\n"
