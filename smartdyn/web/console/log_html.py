"""Lines of output as the elements of a page, in blocks that browsers lay out only when they are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from smartdyn.web.console.format import clock, iso
from smartdyn.web.console.lines import Line

BLOCK = 500
"""Lines of a block."""


def element(line: Line, *, times: bool = False, marked: bool = False) -> str:
    """One line: its number, perhaps its time, and its text.

    There may be hundreds of thousands on a page, so each has as little around it as can be.

    @param times: say when it came.
    """
    number = line.number
    classes = " ".join(filter(None, ("l", "" if line.type == "stdout" else line.type, "marked" if marked else "")))
    at = f'<time datetime="{iso(line.at)}">{clock(line.at)}</time>' if times else ""
    return f'<div class="{classes}" id="L{number}" data-n="{number}">{at}<code>{line.html}</code></div>'


def blocks(lines: Iterable[Line], *, times: bool = False, marked: range = range(0)) -> Iterator[str]:
    """Lines in blocks.

    @param marked: the numbers of those that somebody wanted to point at.
    """
    rest = iter(lines)
    while block := list(islice(rest, BLOCK)):
        yield '<div class="block">'
        yield "\n".join(_element(line, times, marked) for line in block)
        yield "</div>\n"


def _element(line: Line, times: bool, marked: range) -> str:
    html = element(line, times=times, marked=line.number in marked)
    if line.number == marked.start and len(marked) > 1:
        # a link to a range leads there without scripts, too
        return f'<span class="range" id="L{marked.start}-L{marked.stop - 1}"></span>{html}'
    return html
