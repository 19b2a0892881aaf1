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
        if len(marked) > 1 and marked.start in range(block[0].number, block[-1].number + 1):
            # So that a link to a range leads there without scripts, too
            yield f'<span id="L{marked.start}-L{marked.stop - 1}"></span>'
        yield "\n".join(element(line, times=times, marked=line.number in marked) for line in block)
        yield "</div>\n"
