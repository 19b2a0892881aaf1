"""Lines of output as the elements of a page, in blocks that browsers lay out only when they are looked at.

There may be hundreds of thousands on a page, and a browser's time goes with the number of elements. A line is one
element with one attribute, which is where links to it lead and from which the style sheet takes the number that is
shown. Where there are very many, a block of short ones is one, with the numbers of its lines, and their times where
they are wanted, in its attribute: such lines are not wrapped, since nothing ties a number to its line but their equal
heights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from smartdyn.web.console.ansi import render_together
from smartdyn.web.console.format import clock, iso
from smartdyn.web.console.lines import Line
from smartdyn.web.console.style import PLAIN

BLOCK: Final = 500
"""Lines of a block."""

WRAPPED: Final = 10_000
"""Lines of a page that are elements of their own."""

SHORT: Final = 200
"""Characters that no line has which is not wrapped: a longer one would be scrolled sideways at any width of the window,
with the scrollbar at the end of a page of millions of pixels (WCAG 2.2, 1.4.10)."""

_WIDE: Final = 1_000_000
"""Numbers from which on more room is left for them."""


_EMPTY: Final = "<br>"
"""What an empty line has in it: without anything, it would not be copied."""


def element(line: Line, *, times: bool = False, marked: bool = False) -> str:
    """One line: its number, perhaps its time, and its text.

    @param times: say when it came.
    """
    attributes = f'id="L{line.number}"'
    if marked or line.type != "stdout":
        classes = " ".join(filter(None, ("" if line.type == "stdout" else line.type, "marked" if marked else "")))
        attributes += f' class="{classes}"'
    at = f'<time datetime="{iso(line.at)}">{clock(line.at)}</time>' if times else ""
    return f"<div {attributes}>{at}{line.html or _EMPTY}</div>"


def blocks(
    lines: Iterable[Line], *, times: bool = False, marked: range = range(0), light: bool = False
) -> Iterator[str]:
    """Lines in blocks.

    @param marked: the numbers of those that somebody wanted to point at.
    @param light: there are very many, so that short ones need not be elements of their own.
    """
    rest = iter(lines)
    while block := list(islice(rest, BLOCK)):
        if light and not _overlap(block, marked) and max([len(line.raw) for line in block]) < SHORT:
            yield _light(block, times)
            continue
        yield opening(block)
        if marked:
            yield from (_element(line, times, marked) for line in block)
        elif times or (texts := _simple(block)) is None:
            yield from (element(line, times=times) for line in block)
        else:
            numbered = enumerate(texts, block[0].number)
            yield "".join([f'<div id="L{number}">{text or _EMPTY}</div>' for number, text in numbered])
        yield "</div>\n"


def opening(block: Sequence[Line], *, classes: str = "block", attributes: str = "") -> str:
    """The tag with which a block begins: the height of a full one is known before it is laid out."""
    full = " full" if len(block) == BLOCK else ""
    wide = " wide" if block[-1].number >= _WIDE else ""
    return f'<div class="{classes}{full}{wide}"{attributes}>'


def _light(block: Sequence[Line], times: bool) -> str:
    if times:
        numbers = "\n".join([f"{line.number}  {clock(line.at)}" for line in block])
    else:
        numbers = "\n".join([str(number) for number in range(block[0].number, block[-1].number + 1)])
    texts = _simple(block) or [_of_type(line) for line in block]
    begin = opening(
        block, classes="block light timed" if times else "block light", attributes=f' data-numbers="{numbers}"'
    )
    # without its line feed, a last line that is empty would have no height
    return begin + "\n".join(texts) + "\n</div>\n"


def _of_type(line: Line) -> str:
    return line.html if line.type == "stdout" else f'<span class="{line.type}">{line.html}</span>'


def _simple(block: Sequence[Line]) -> list[str] | None:
    """The texts of a block of nothing but C{stdout} in the simplest colours; most are."""
    if block[0].style != PLAIN or {line.type for line in block} != {"stdout"}:
        return None
    return render_together([line.raw for line in block])


def _overlap(block: Sequence[Line], marked: range) -> bool:
    return bool(marked) and block[0].number < marked.stop and marked.start <= block[-1].number


def _element(line: Line, times: bool, marked: range) -> str:
    html = element(line, times=times, marked=line.number in marked)
    if line.number == marked.start and len(marked) > 1:
        # a link to a range leads there without scripts, too
        return f'<span class="range" id="L{marked.start}-L{marked.stop - 1}"></span>{html}'
    return html
