"""The style sheet for the colours of terminals: the 256 of xterm, as classes C{f0} to C{f255} and C{b0} to C{b255}.

Which of them text gets, so that it can be read on what is behind it, is a matter of L{smartdyn.web.console.legible}.
"""

from __future__ import annotations

_SIXTEEN = (
    *("000000", "f56e6e", "87bb62", "dca614", "92c5f9", "b6a6e9", "63bdbd", "c7c7c7"),
    *("8c8c8c", "f9a8a8", "afdc8f", "ffcc17", "b9dafc", "d0c5f4", "9ad8d8", "ffffff"),
)
"""The first sixteen are the terminal's own choice; these are PatternFly's, which go with the page."""

_SIXTEEN_BEHIND = (
    *("000000", "dd302b", "4d842a", "dca614", "1f75d2", "895dd2", "248383", "c7c7c7"),
    *("757575", "f56e6e", "87bb62", "ffcc17", "92c5f9", "b6a6e9", "63bdbd", "ffffff"),
)
"""The same behind text: strong, as terminals have them, and most of a brightness on which both black and white can be
read."""

_CUBE = (0, 95, 135, 175, 215, 255)
_STEPS = [min(range(6), key=lambda step: abs(_CUBE[step] - value)) for value in range(256)]
"""Of the cube, those nearest to each part of a colour."""

Colour = tuple[int, int, int]


def style_sheet() -> str:
    """All classes."""
    rules = [f".f{index}{{color:{hexadecimal(xterm(index))}}}" for index in range(256)]
    rules += [f".b{index}{{background:{hexadecimal(behind(index))}}}" for index in range(256)]
    return "\n".join(rules) + "\n"


def xterm(index: int) -> Colour:
    """One of the 256 colours: sixteen, a cube of 6 x 6 x 6, and 24 greys."""
    if index < 16:
        return _parsed(_SIXTEEN[index])
    if index < 232:
        red, rest = divmod(index - 16, 36)
        green, blue = divmod(rest, 6)
        return _CUBE[red], _CUBE[green], _CUBE[blue]
    grey = 8 + 10 * (index - 232)
    return grey, grey, grey


def behind(index: int) -> Colour:
    """What one of the 256 is as a background."""
    return _parsed(_SIXTEEN_BEHIND[index]) if index < 16 else xterm(index)


def nearest(wanted: Colour) -> int:
    """The index of the one of the 256 colours that is most like a 24-bit one."""
    red, green, blue = wanted
    cube = [_STEPS[value] for value in wanted]
    grey = max(0, min(23, round(((red + green + blue) / 3 - 8) / 10)))
    in_cube = sum((_CUBE[step] - value) ** 2 for step, value in zip(cube, wanted, strict=True))
    in_grey = sum((8 + 10 * grey - value) ** 2 for value in wanted)
    return 232 + grey if in_grey < in_cube else 16 + 36 * cube[0] + 6 * cube[1] + cube[2]


def hexadecimal(colour: Colour) -> str:
    """A colour as it stands in style sheets."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _parsed(text: str) -> Colour:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)
