"""How the text of terminals looks, and what changes that: SGR (ECMA-48, 8.3.117, and xterm's ctlseqs).

Styles are classes, since the pages allow no inline style: a 24-bit colour is the nearest of the 256, and stands beside
it exactly, in an attribute, for the script of the page to set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from smartdyn.web.console.legible import GROUND, legible, legible_index
from smartdyn.web.console.palette import Colour, behind, nearest, xterm

_ATTRIBUTES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
_ENDS = {21: ("bold",), 22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("strike",)}

_EXTENDED = frozenset({38, 48, 58})
"""What a colour follows: of text, of the ground, and of underlines."""

_MOST_PARAMETERS = 32
"""Of one sequence; terminals have such a limit, too."""

_CLASSES = ("bold", "italic", "underline", "strike")
"""Attributes that the style sheet knows; the others change the colours."""

_TEXT = 255
"""Of the 256, what is most like the page's own text."""


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks.

    @param foreground: an index into the 256 colours, or one of 24 bits; None for the page's own.
    """

    foreground: int | Colour | None = None
    background: int | Colour | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    strike: bool = False

    def classes(self) -> str:
        """The classes of the style sheet; empty for plain text."""
        front, back = self._sides()
        names = []
        if front is not None or back is not None:
            ground = GROUND if back is None else behind(_index(back))
            names.append(f"f{legible_index(front, ground, dim=self.dim)}")
        elif self.dim:
            names.append("dim")
        if back is not None:
            names.append(f"b{_index(back)}")
        return " ".join(names + [name for name in _CLASSES if getattr(self, name)])

    def exact(self) -> dict[str, Colour]:
        """Colours that no class has, by their side; like those that have one, they can be read."""
        front, back = self._sides()
        found: dict[str, Colour] = {}
        if front is None and back is None:
            return found
        if self.dim or isinstance(front, tuple) or isinstance(back, tuple):
            ground = GROUND if back is None else _rgb(back, behind)
            found["color"] = legible(None if front is None else _rgb(front, xterm), ground, dim=self.dim)
        if isinstance(back, tuple):
            found["background"] = back
        return found

    def _sides(self) -> tuple[int | Colour | None, int | Colour | None]:
        """The colours in front and behind, as they are seen; None for the page's own, on a ground black or white."""
        if not self.inverse:
            return self.foreground, self.background
        return self.background, _TEXT if self.foreground is None else self.foreground

    def sgr(self) -> str:
        """The parameters that lead from plain text to this style; L{styled} reads them."""
        codes = [str(code) for code, name in _ATTRIBUTES.items() if getattr(self, name)]
        for code, colour in ((38, self.foreground), (48, self.background)):
            if isinstance(colour, tuple):
                codes.append("{};2;{};{};{}".format(code, *colour))
            elif colour is not None:
                codes.append(f"{code};5;{colour}")
        return ";".join(codes)


PLAIN = Style()


@lru_cache(maxsize=4096)
def styled(style: Style, parameters: str) -> Style:
    """C{style} after C{parameters} of SGR, of which each may have further ones behind colons (ISO 8613-6)."""
    groups = iter(parameters.split(";")[:_MOST_PARAMETERS])
    for group in groups:
        code, *further = numbers(group, ":")
        if further:
            style = _with_further(style, code, further)
        elif code == 0:
            style = PLAIN
        elif code in _EXTENDED:
            style = _extended(style, code, (numbers(each, ":")[0] for each in groups))
        elif code in _ATTRIBUTES:
            style = _with(style, _ATTRIBUTES[code], True)
        elif code in _ENDS:
            for name in _ENDS[code]:
                style = _with(style, name, False)
        else:
            style = _sixteen(style, code)
    return style


def _index(colour: int | Colour) -> int:
    return nearest(colour) if isinstance(colour, tuple) else colour


def _rgb(colour: int | Colour, of_index: Callable[[int], Colour]) -> Colour:
    return colour if isinstance(colour, tuple) else of_index(colour)


def _with_further(style: Style, code: int, further: list[int]) -> Style:
    """A parameter with others that are its own, so that none of them is mistaken for another."""
    if code in _EXTENDED:
        kind, *values = further
        # there may be the number of a colour space first
        return _extended(style, code, iter([kind, *(values[1:] if kind == 2 and len(values) > 3 else values)]))
    if code == 4:
        # which kind of line it is, makes no difference here
        return _with(style, "underline", further[0] != 0)
    return style


def _extended(style: Style, code: int, values: Iterator[int]) -> Style:
    """With the colour that follows 38, 48 or 58: 5 and an index, or 2 and three values."""
    kind = next(values, None)
    colour: int | Colour | None = None
    if kind == 5:
        index = next(values, 256)
        colour = index if index < 256 else None
    elif kind == 2:
        red, green, blue = (min(next(values, 0), 255) for _ in range(3))
        colour = (red, green, blue)
    # that of underlines is read past
    return style if colour is None or code == 58 else _coloured(style, code == 48, colour)


def _sixteen(style: Style, code: int) -> Style:
    if 30 <= code <= 37 or 40 <= code <= 47:
        return _coloured(style, code >= 40, code % 10)
    if 90 <= code <= 97 or 100 <= code <= 107:
        return _coloured(style, code >= 100, code % 10 + 8)
    if code in {39, 49}:
        return _coloured(style, code == 49, None)
    return style


def _coloured(style: Style, behind: bool, colour: int | Colour | None) -> Style:
    return replace(style, background=colour) if behind else replace(style, foreground=colour)


def _with(style: Style, name: str, value: bool) -> Style:
    changed: dict[str, Any] = {name: value}
    return replace(style, **changed)


def numbers(parameters: str, separator: str = ";") -> list[int]:
    """Parameters as numbers; what is left out is 0, and what is private has no meaning here."""
    found = (part[:6] for part in parameters.split(separator)[:_MOST_PARAMETERS])
    return [int(part) if part.isdecimal() else 0 for part in found]
