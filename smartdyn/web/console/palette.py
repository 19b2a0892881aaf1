"""The style sheet for the colours of terminals: the 256 of xterm, as classes C{f0} to C{f255} and C{b0} to C{b255}."""

from __future__ import annotations

_SIXTEEN = (
    *("4d4d4d", "f56e6e", "87bb62", "dca614", "92c5f9", "b6a6e9", "63bdbd", "c7c7c7"),
    *("8c8c8c", "f9a8a8", "afdc8f", "ffcc17", "b9dafc", "d0c5f4", "9ad8d8", "ffffff"),
)
"""The first sixteen are the terminal's own choice; these are PatternFly's, which go with the page."""

_CUBE = (0, 95, 135, 175, 215, 255)
_BEHIND = 0x1F
"""The grey of the output's background."""

_CONTRAST = 4.5
"""What text must have (WCAG 2.2, 1.4.3)."""

Colour = tuple[int, int, int]


def style_sheet() -> str:
    """All classes."""
    colours = [xterm(index) for index in range(256)]
    rules = [f".f{index}{{color:{_hex(legible(colour))}}}" for index, colour in enumerate(colours)]
    rules += [f".b{index}{{background:{_hex(colour)}}}" for index, colour in enumerate(colours)]
    return "\n".join(rules) + "\n"


def xterm(index: int) -> Colour:
    """One of the 256 colours: sixteen, a cube of 6 x 6 x 6, and 24 greys."""
    if index < 16:
        text = _SIXTEEN[index]
        return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)
    if index < 232:
        red, rest = divmod(index - 16, 36)
        green, blue = divmod(rest, 6)
        return _CUBE[red], _CUBE[green], _CUBE[blue]
    grey = 8 + 10 * (index - 232)
    return grey, grey, grey


def legible(colour: Colour) -> Colour:
    """C{colour}, made lighter until it can be read on the output's background."""
    behind = luminance((_BEHIND, _BEHIND, _BEHIND))
    red, green, blue = colour
    while (luminance((red, green, blue)) + 0.05) / (behind + 0.05) < _CONTRAST:
        red, green, blue = (min(255, value + 8) for value in (red, green, blue))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """How bright a colour is, between 0 and 1 (WCAG 2.2, relative luminance)."""
    red, green, blue = colour
    return 0.2126 * _LINEAR[red] + 0.7152 * _LINEAR[green] + 0.0722 * _LINEAR[blue]


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


_LINEAR = [_linear(value / 255) for value in range(256)]
