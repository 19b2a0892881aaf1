"""What terminals do with a line of output, as HTML: colours become classes, overwritten text is gone.

Sequences are those of ECMA-48 (5.4 control sequences) and xterm's ctlseqs. What a page cannot show (titles, cursor
keys, modes) is left out; text never is. Of links (OSC 8) the text is left: a host must not be able to put links into
the console that say one thing and lead elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from itertools import chain, groupby

from smartdyn.web.console.style import PLAIN, Style, numbers, styled

_SPECIAL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_SEQUENCE = re.compile(
    r"""
    \x1b\[ (?P<parameters>[0-?]*) [\x20-/]* (?P<final>[@-~])    # CSI
    | \x1b[]PX^_] [^\x07\x1b]* (?:\x07|\x1b\\)                  # OSC, DCS, SOS, PM, APC with their text
    | \x1b[\x20-/]+ [0-~]                                       # character sets and the like
    | \x1b[0-Z\\^-~]                                            # two-character sequences
    | (?P<control>[\x00-\x08\x0a-\x1f\x7f-\x9f])
    """,
    re.VERBOSE,
)
_COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
_MOVING = re.compile(r"[\r\b]|\x1b\[[0-?]*[\x20-/]*[KCDG]")
"""What may stand in a line whose text is not simply one character after the other."""

_PRIVATE = ("<", "=", ">", "?")
"""How parameters begin that are no SGR, although they end like it."""

_RESETS = ("\x1b[0m", "\x1b[m")

_SPECIAL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_WIDEST = 1000
"""Columns beyond which the cursor does not move by itself: a few bytes must not become a page of blanks."""

_MOST_TOGETHER = 100
"""Styles up to which lines are rendered together: each takes a look at all of their text."""


def render(text: str, style: Style = PLAIN) -> tuple[str, Style]:
    """A line without its end as HTML.

    @param style: in which it begins.
    @return: the HTML, and the style in which the next line begins.
    """
    # terminals end lines with both; what follows begins at the left anyway
    text = text.removesuffix("\r")
    if _SPECIAL.search(text) is None:
        return _span(text, style), style
    pieces = _COLOUR.split(escape(text))
    if _SPECIAL.search("".join(pieces[::2])) is None:
        return _coloured_text(pieces, style)
    if _MOVING.search(text) is None:
        return _in_order(text, style)
    line = _written(text, style)
    return line.html(), line.style


def render_together(lines: Sequence[str]) -> list[str] | None:
    """L{render} for many lines at once that begin plain, in a fraction of the time.

    @return: None when they are not all of the simplest kinds: plain, or with few colours that end where they began.
    """
    text = escape("\n".join(lines)).replace("\r\n", "\n").removesuffix("\r")
    pieces = _COLOUR.split(text)
    begins, coloured, ends = set(pieces[1::4]), pieces[2::4], set(pieces[3::4])
    if len(pieces) % 4 != 1 or len(begins) > _MOST_TOGETHER or not ends <= {"", "0"}:
        return None
    if "" in coloured or "\n" in "".join(coloured):
        return None
    for parameters in begins:
        begin = _tag_after("", parameters)[1]
        if not begin:
            return None
        text = text.replace(f"\x1b[{parameters}m", begin)
    for parameters in ends:
        text = text.replace(f"\x1b[{parameters}m", "</span>")
    return text.split("\n") if _SPECIAL_IN_LINES.search(text) is None else None


def style_after(text: str, style: Style) -> Style:
    """The style in which the next line begins."""
    last = text.rfind("\x1b[")
    if text.startswith(_RESETS, last):
        return PLAIN
    if last >= 0:
        for found in _SEQUENCE.finditer(text):
            if found["final"] == "m" and not found["parameters"].startswith(_PRIVATE):
                style = styled(style, found["parameters"])
    return style


def plain(text: str) -> str:
    """A line as a reader sees it, for searching and for files of text."""
    return text if _SPECIAL.search(text) is None else _written(text, PLAIN).text()


def _span(text: str, style: Style) -> str:
    begin = _begin(style) if text else ""
    return f"{begin}{escape(text)}</span>" if begin else escape(text)


@lru_cache(maxsize=4096)
def _tag_after(sgr: str, parameters: str) -> tuple[str, str]:
    """L{styled}, as SGR, and how text in that style begins: texts are found much faster than styles."""
    after = styled(styled(PLAIN, sgr), parameters)
    return after.sgr(), _begin(after)


@lru_cache(maxsize=4096)
def _begin(style: Style) -> str:
    classes = style.classes()
    exact = "".join(' data-{}="#{:02x}{:02x}{:02x}"'.format(side, *colour) for side, colour in style.exact().items())
    return f'<span class="{classes}"{exact}>' if classes else ""


def _coloured_text(pieces: list[str], style: Style) -> tuple[str, Style]:
    """L{_written} for a line in which nothing but the colour changes: most of those that are not plain.

    @param pieces: texts, escaped, and between them the parameters of SGR.
    """
    parts: list[str] = []
    sgr, begin = ("", "") if style is PLAIN else (style.sgr(), _begin(style))
    opened = ""
    is_text = False
    for piece in pieces:
        is_text = not is_text
        if not is_text:
            sgr, begin = _tag_after(sgr, piece)
        elif piece:
            if begin != opened:
                parts.append(f"</span>{begin}" if opened else begin)
                opened = begin
            parts.append(piece)
    if opened:
        parts.append("</span>")
    return "".join(parts), styled(PLAIN, sgr) if sgr else PLAIN


def _in_order(text: str, style: Style) -> tuple[str, Style]:
    """L{_written} for a line in which the cursor only goes on."""
    parts: list[str] = []
    opened, begin, last = "", _begin(style), 0
    for found in chain(_SEQUENCE.finditer(text), (None,)):
        end = found.start() if found else len(text)
        if end > last:
            if begin != opened:
                parts.append(f"</span>{begin}" if opened else begin)
                opened = begin
            parts.append(escape(text[last:end]))
        if found:
            last = found.end()
            if found["final"] == "m" and not found["parameters"].startswith(_PRIVATE):
                style = styled(style, found["parameters"])
                begin = _begin(style)
    if opened:
        parts.append("</span>")
    return "".join(parts), style


def _written(text: str, style: Style) -> _Cells:
    line = _Cells(style)
    last = 0
    for found in _SEQUENCE.finditer(text):
        line.write(text[last : found.start()])
        last = found.end()
        if found["final"]:
            line.control(found["parameters"], found["final"])
        elif found["control"]:
            line.move(found["control"])
    line.write(text[last:])
    return line


class _Cells:
    """One line of a terminal, as wide as it needs to be."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self._characters: list[str] = []
        self._styles: list[Style] = []
        self._cursor = 0

    def write(self, text: str) -> None:
        """Put text where the cursor is, over what is there."""
        end = self._cursor + len(text)
        self._widen(self._cursor)
        self._characters[self._cursor : end] = text
        self._styles[self._cursor : end] = [self.style] * len(text)
        self._cursor = end

    def move(self, control: str) -> None:
        """Obey a control character."""
        if control == "\r":
            self._cursor = 0
        elif control == "\b":
            self._cursor = max(0, self._cursor - 1)

    def control(self, parameters: str, final: str) -> None:
        """Obey a control sequence."""
        if final == "m" and not parameters.startswith(_PRIVATE):
            self.style = styled(self.style, parameters)
        elif final == "K":
            self._erase((numbers(parameters) or [0])[0])
        elif final in {"C", "D", "G"}:
            amount = (numbers(parameters) or [0])[0] or 1
            steps = {"C": self._cursor + amount, "D": self._cursor - amount, "G": amount - 1}
            # text may be wider than the limit and is never cut: only the cursor's own steps are limited
            self._cursor = max(0, min(steps[final], max(_WIDEST, len(self._characters))))

    def text(self) -> str:
        """What is left to read."""
        return "".join(self._characters)

    def html(self) -> str:
        """The line with its styles."""
        parts = []
        start = 0
        for style, cells in groupby(self._styles):
            end = start + sum(1 for _ in cells)
            parts.append(_span("".join(self._characters[start:end]), style))
            start = end
        return "".join(parts)

    def _widen(self, width: int) -> None:
        missing = width - len(self._characters)
        if missing > 0:
            self._characters += " " * missing
            self._styles += [PLAIN] * missing

    def _erase(self, mode: int) -> None:
        if mode in {0, 2}:
            del self._characters[self._cursor :], self._styles[self._cursor :]
        if mode in {1, 2}:
            end = min(self._cursor, len(self._characters))
            self._characters[:end] = " " * end
            self._styles[:end] = [PLAIN] * end
