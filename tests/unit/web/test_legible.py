"""Coloured output can be read: on the page and on grounds of its own, with scripts and without."""

from __future__ import annotations

import re
from importlib.resources import files

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.web.console.ansi import render
from smartdyn.web.console.legible import contrast
from smartdyn.web.console.palette import Colour, style_sheet
from smartdyn.web.console.style import PLAIN, Style, styled

ENOUGH = 4.5
"""WCAG 2.2, 1.4.3."""

CSS = files("smartdyn.web.console").joinpath("static", "console.css").read_text()
SHEET = dict(re.findall(r"\.([fb][0-9]+)\{(?:color|background):#([0-9a-f]{6})\}", style_sheet()))
PART = st.integers(0, 255)
COLOURS = st.none() | PART | st.tuples(PART, PART, PART)
STYLES = st.builds(
    Style, foreground=COLOURS, background=COLOURS, bold=st.booleans(), dim=st.booleans(), inverse=st.booleans()
)
TEXT: Colour = (0xF2, 0xF2, 0xF2)


def parsed(text: str) -> Colour:
    """A colour of a style sheet."""
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


def grounds() -> list[Colour]:
    """What a line may have behind it: the log, where the mouse is, and a mark."""
    rules = (r"--log: #([0-9a-f]{6})", r"div:hover \{ background: #([0-9a-f]{6})", r"--marked: #([0-9a-f]{6})")
    return [parsed(re.findall(rule, CSS)[0]) for rule in rules]


def seen(style: Style, *, scripts: bool) -> tuple[Colour | None, list[Colour]]:
    """The colour of text in that style and what is behind it; no colour where the page has its own way to dim it."""
    html = render("x", style)[0]
    classes = {name[0]: parsed(SHEET[name]) for name in re.findall(r"[fb][0-9]+", html.partition("data-")[0])}
    exact = (
        {side[0]: parsed(value) for side, value in re.findall(r'data-(\w+)="#([0-9a-f]{6})"', html)} if scripts else {}
    )
    front = exact.get("c", classes.get("f", None if "dim" in html else TEXT))
    back = exact.get("b", classes.get("b"))
    return front, [back] if back else grounds()


class LegibleTests(SynchronousTestCase):
    """The colours of rendered text."""

    @settings(max_examples=1000)
    @given(STYLES)
    @example(Style(0, 2))
    @example(Style(15, 9))
    @example(Style(7, 4))
    @example(Style(None, 1))
    @example(Style(None, 15))
    @example(Style(16, 46))
    @example(Style(None, (128, 128, 128)))
    def test_every_pair_can_be_read(self, style: Style) -> None:
        """Whatever colours a program sets, dim or inverse, text has a contrast of 4.5 to what is behind it."""
        for scripts in (True, False):
            front, behind = seen(style, scripts=scripts)
            for ground in behind if front else []:
                self.assertGreaterEqual(contrast(front or TEXT, ground), ENOUGH, (style, scripts))

    def test_every_pair_of_the_sixteen_can_be_read(self) -> None:
        """So have all that most programs use, each tried."""
        for front in (None, *range(16)):
            for back in (None, *range(16)):
                text, behind = seen(Style(front, back), scripts=False)
                for ground in behind:
                    self.assertGreaterEqual(contrast(text or TEXT, ground), ENOUGH, (front, back))

    def test_what_can_be_read_is_kept(self) -> None:
        """The usual pairs stay what the program wanted: black on green, white on red and on blue."""
        for sgr, classes in (("30;42", "f0 b2"), ("97;41", "f15 b1"), ("97;44", "f15 b4"), ("30;43", "f0 b3")):
            self.assertIn(f'class="{classes}"', render("x", styled(PLAIN, sgr))[0])

    def test_text_without_a_colour_on_a_ground(self) -> None:
        """It becomes black or white, whichever can be read better."""
        for sgr, colour in (("41", "ffffff"), ("107", "000000"), ("42", "000000"), ("48;5;19", "ffffff")):
            self.assertEqual(seen(styled(PLAIN, sgr), scripts=True)[0], parsed(colour), sgr)

    def test_inverse_changes_the_sides(self) -> None:
        """Green text becomes black on green, plain text dark on light; a second time brings back what was."""
        self.assertEqual(render("x", styled(PLAIN, "7;32"))[0], '<span class="f16 b2">x</span>')
        self.assertEqual(render("x", styled(PLAIN, "7"))[0], '<span class="f16 b255">x</span>')
        self.assertEqual(render("x", styled(PLAIN, "7;31;40"))[0], '<span class="f0 b1">x</span>')
        self.assertEqual(styled(PLAIN, "7;32;27"), Style(foreground=2))

    def test_dim_is_dim(self) -> None:
        """Dim text has less contrast than other text of its colour, wherever that leaves enough."""
        for sgr in ("37", "33", "30;43", "97;40", "38;2;255;255;255"):
            style = styled(PLAIN, sgr)
            bright, dim = (seen(each, scripts=True) for each in (style, styled(style, "2")))
            self.assertLess(contrast(dim[0] or TEXT, dim[1][0]), contrast(bright[0] or TEXT, bright[1][0]), sgr)
