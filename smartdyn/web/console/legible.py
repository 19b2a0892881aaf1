"""Colours in which text can be read on what is behind it (WCAG 2.2, 1.4.3).

Programs choose colours for grounds they do not know. A colour that can be read is kept; any other is brought nearer to
black or white, whichever is the better one there, just as far as it must be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from smartdyn.web.console.palette import Colour, nearest, xterm

CONTRAST = 4.5
"""What text must have."""

GROUND: Colour = (0x29, 0x29, 0x29)
"""The lightest of what lines have behind them: that of a line that is pointed at."""

_BLACK: Colour = (0, 0, 0)
_WHITE: Colour = (255, 255, 255)

_STEPS = 20
"""Steps in which a colour is brought to black or white."""

_DIM = (0.35, 0.25, 0.15)
"""How much of the ground dim text may have in it; where it could not be read any more, the next or nothing."""


@lru_cache(maxsize=4096)
def legible(wanted: Colour | None, ground: Colour, *, dim: bool = False) -> Colour:
    """The colour to use.

    @param wanted: None for black or white.
    """
    limits = _limits(ground)
    first = wanted or limits.best
    choices = chain(_dimmed(first, ground) if dim else (), _nearer(first, limits.best))
    return next(colour for colour in choices if limits.allow(colour))


@lru_cache(maxsize=4096)
def legible_index(wanted: int | Colour | None, ground: Colour, *, dim: bool = False) -> int:
    """The one of the 256 colours to use."""
    limits = _limits(ground)
    own = (wanted,) if isinstance(wanted, int) else ()
    first = xterm(wanted) if isinstance(wanted, int) else wanted or limits.best
    last = _nearer(legible(first, ground), limits.best)
    choices = chain(map(nearest, _dimmed(first, ground) if dim else ()), own, map(nearest, last))
    return next(index for index in choices if limits.allow(xterm(index)))


def contrast(one: Colour, other: Colour) -> float:
    """How well two colours can be told from each other, between 1 and 21 (WCAG 2.2, contrast ratio)."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: Colour) -> float:
    """How bright a colour is, between 0 and 1 (WCAG 2.2, relative luminance)."""
    red, green, blue = colour
    return 0.2126 * _LINEAR[red] + 0.7152 * _LINEAR[green] + 0.0722 * _LINEAR[blue]


@dataclass(frozen=True, slots=True)
class _Limits:
    """Which colours can be read on a ground.

    @param best: black or white. One of them always can be: where both are equally good, their contrast is 4.58.
    """

    darkest: float
    brightest: float
    best: Colour

    def allow(self, colour: Colour) -> bool:
        return not self.darkest < luminance(colour) < self.brightest


@lru_cache(maxsize=4096)
def _limits(ground: Colour) -> _Limits:
    behind = luminance(ground) + 0.05
    best = max(_BLACK, _WHITE, key=lambda colour: contrast(colour, ground))
    return _Limits(behind / CONTRAST - 0.05, behind * CONTRAST - 0.05, best)


def _dimmed(colour: Colour, ground: Colour) -> Iterator[Colour]:
    return (_mixed(colour, ground, share) for share in _DIM)


def _nearer(colour: Colour, last: Colour) -> Iterator[Colour]:
    yield colour
    for step in range(1, _STEPS + 1):
        yield _mixed(colour, last, step / _STEPS)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    (red, green, blue), (to_red, to_green, to_blue) = one, other
    return (
        round(red + (to_red - red) * share),
        round(green + (to_green - green) * share),
        round(blue + (to_blue - blue) * share),
    )


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


_LINEAR = [_linear(value / 255) for value in range(256)]
