"""Lines of output as the elements of a page, in blocks that browsers lay out only when they are looked at.

There may be hundreds of thousands on a page, and a browser's time goes with their number: a line is one element with
one attribute, which is where links to it lead and from which the style sheet takes the number that is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from smartdyn.web.console.ansi import PLAIN, render_together
from smartdyn.web.console.format import clock, iso
from smartdyn.web.console.lines import Line

BLOCK: Final = 500
"""Lines of a block."""

_WIDE: Final = 1_000_000
"""Numbers from which on more room is left for them."""


def element(line: Line, *, times: bool = False, marked: bool = False) -> str:
    """One line: its number, perhaps its time, and its text.

    @param times: say when it came.
    """
    attributes = f'id="L{line.number}"'
    if marked or line.type != "stdout":
        classes = " ".join(filter(None, ("" if line.type == "stdout" else line.type, "marked" if marked else "")))
        attributes += f' class="{classes}"'
    at = f'<time datetime="{iso(line.at)}">{clock(line.at)}</time>' if times else ""
    return f"<div {attributes}>{at}{line.html}</div>"


def blocks(lines: Iterable[Line], *, times: bool = False, marked: range = range(0)) -> Iterator[str]:
    """Lines in blocks.

    @param marked: the numbers of those that somebody wanted to point at.
    """
    rest = iter(lines)
    while block := list(islice(rest, BLOCK)):
        yield opening(block)
        if marked:
            yield from (_element(line, times, marked) for line in block)
        else:
            yield (None if times else _simple(block)) or "".join([element(line, times=times) for line in block])
        yield "</div>\n"


def opening(block: Sequence[Line]) -> str:
    """The tag with which a block begins: the height of a full one is known before it is laid out."""
    classes = "block full" if len(block) == BLOCK else "block"
    return f'<div class="{classes} wide">' if block[-1].number >= _WIDE else f'<div class="{classes}">'


def _simple(block: Sequence[Line]) -> str | None:
    """A block of nothing but C{stdout} in the simplest colours; most are."""
    if block[0].style != PLAIN or any([line.type != "stdout" for line in block]):
        return None
    texts = render_together([line.raw for line in block])
    if texts is None:
        return None
    return "".join([f'<div id="L{number}">{text}</div>' for number, text in enumerate(texts, block[0].number)])


def _element(line: Line, times: bool, marked: range) -> str:
    html = element(line, times=times, marked=line.number in marked)
    if line.number == marked.start and len(marked) > 1:
        # a link to a range leads there without scripts, too
        return f'<span class="range" id="L{marked.start}-L{marked.stop - 1}"></span>{html}'
    return html
