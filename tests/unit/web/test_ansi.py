"""Output as HTML: what terminals do, and nothing that a host sends gets through as markup."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.web.console.ansi import plain, render, render_together, style_after
from smartdyn.web.console.style import PLAIN, Style, styled

TAG = re.compile(r'<span class="[a-z0-9 ]+"(?: data-(?:color|background)="#[0-9a-f]{6}"){0,2}>|</span>')
PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="<>&\"'\t"))
HARMLESS = st.sampled_from(
    [
        "\x1b[1m",
        "\x1b[0m",
        "\x1b[38;5;200m",
        "\x1b[48;2;1;2;3m",
        "\x1b]8;;http://x\x1b\\",
        "\x1b]0;title\x07",
        "\x1b(B",
        "\x07",
    ]
)
SIMPLE = st.lists(
    st.tuples(
        PRINTABLE, st.sampled_from(["32", "1;31", "38;5;200", "7"]), PRINTABLE.filter(bool), st.sampled_from(["", "0"])
    ),
).map(lambda parts: "".join(f"{before}\x1b[{on}m{text}\x1b[{off}m" for before, on, text, off in parts))
ANY = st.text() | st.lists(st.sampled_from([*"\x1b[]();:0159mKGCD\r\b<script>&'\"\x9b\x07\\x"])).map("".join)


def visible(html: str) -> str:
    """The text of rendered HTML."""
    return unescape(TAG.sub("", html))


def merged(html: str) -> str:
    """Text of one look as one element, however many it came in."""
    while (shorter := re.sub(r"(<span ([^>]+)>[^<]*)</span><span \2>", r"\1", html)) != html:
        html = shorter
    return html


class RenderTests(SynchronousTestCase):
    """One line."""

    def test_sixteen_colours_and_attributes(self) -> None:
        """Colours and bold become classes, and end where the host ends them."""
        html, style = render("\x1b[1;31mbad\x1b[0m fine \x1b[92mgood")
        self.assertEqual(html, '<span class="f1 bold">bad</span> fine <span class="f10">good</span>')
        self.assertEqual(style, Style(foreground=10))

    def test_a_style_goes_on(self) -> None:
        """The next line begins as the one before ended."""
        _, style = render("\x1b[33mwarning:")
        self.assertEqual(render("more", style)[0], '<span class="f3">more</span>')

    def test_256_colours_and_24_bit(self) -> None:
        """An index is taken as it is, and so are 24 bits, of which none is more than 255; colons are understood too."""
        self.assertEqual(styled(PLAIN, "38;5;208"), Style(foreground=208))
        self.assertEqual(styled(PLAIN, "48;2;255;0;0"), Style(background=(255, 0, 0)))
        self.assertEqual(styled(PLAIN, "38:2:255:999:255"), Style(foreground=(255, 255, 255)))

    def test_what_stands_behind_colons_belongs_together(self) -> None:
        """None of it is mistaken for a parameter of its own, and the colour of underlines is read past."""
        found = {
            "38:2::255:100:0": Style(foreground=(255, 100, 0)),
            "48:2:1:255:100:0;1": Style(background=(255, 100, 0), bold=True),
            "48:5:7": Style(background=7),
            "4:3": Style(underline=True),
            "4;4:0": PLAIN,
            "58:2::1:3:4;9": Style(strike=True),
            "58;5;1": PLAIN,
            "1;58;2;3;4;0": Style(bold=True),
            "58;5;1;31": Style(foreground=1),
            "38:5": PLAIN,
            "38;5": PLAIN,
            "38;5;256;3": Style(italic=True),
            "1:7": PLAIN,
        }
        for parameters, style in found.items():
            self.assertEqual(styled(PLAIN, parameters), style, parameters)

    def test_24_bits_are_shown_exactly(self) -> None:
        """The class is that of the nearest of the 256, for pages without scripts; an attribute has the colour."""
        html, style = render("\x1b[38;2;255;160;122;48;2;1;2;3msalmon")
        attributes = 'data-color="#ffa07a" data-background="#010203"'
        self.assertEqual(html, f'<span class="f216 b16" {attributes}>salmon</span>')
        self.assertEqual(styled(PLAIN, style.sgr()), style)

    def test_dark_text_is_made_lighter(self) -> None:
        """Text that could not be read on the dark ground is made lighter; on a ground of its own it is left."""
        self.assertNotIn("#000033", render("\x1b[38;2;0;0;51mdark")[0])
        self.assertIn('data-color="#000033"', render("\x1b[38;2;0;0;51;107mdark")[0])

    def test_carriage_return_overwrites(self) -> None:
        """Of a progress bar the last state is seen, and what a shorter text leaves standing stays."""
        self.assertEqual(plain("10 %\r50 %\r100 %"), "100 %")
        self.assertEqual(plain("longer\rshort"), "shortr")
        self.assertEqual(plain("longer\r\x1b[Kshort"), "short")
        self.assertEqual(plain("dos\r"), "dos")

    def test_cursor(self) -> None:
        """Steps within the line are taken, and none is long enough to fill a page."""
        self.assertEqual(plain("ab\b\bx"), "xb")
        self.assertEqual(plain("a\x1b[3Cb\x1b[1Gc"), "c   b")
        self.assertLess(len(plain("\x1b[999999C.\x1b[999999C." * 50)), 10_000)

    def test_what_cannot_be_shown_is_left_out(self) -> None:
        """Links, titles and modes leave their text and nothing else, whatever a link leads to."""
        self.assertEqual(render("\x1b]8;;https://x.example.org/\x1b\\manual\x1b]8;;\x1b\\")[0], "manual")
        self.assertEqual(
            plain("\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\ \x1b[?25l\x1b(Bme\x07"), "click me"
        )

    def test_an_unfinished_sequence_swallows_nothing(self) -> None:
        """Text behind a sequence that never ends is still there."""
        self.assertIn("important", plain("\x1b]0;important"))
        self.assertIn("important", plain("\x1b[important"[:2] + "5\u00e9important"))

    @given(PRINTABLE)
    def test_text_is_kept(self, text: str) -> None:
        """Text without control characters is shown to the last character, and never as markup."""
        html, style = render(text)
        self.assertEqual((visible(html), style), (text, PLAIN))

    @given(st.lists(st.tuples(HARMLESS, PRINTABLE)))
    def test_text_between_sequences_is_kept(self, parts: list[tuple[str, str]]) -> None:
        """Styles, links and titles take nothing away."""
        line = "".join(sequence + text for sequence, text in parts)
        self.assertEqual(plain(line), "".join(text for _, text in parts))

    @given(ANY | st.lists(st.tuples(HARMLESS, PRINTABLE)).map(lambda parts: "".join(map("".join, parts))))
    def test_both_ways_lead_to_the_same(self, text: str) -> None:
        """A line whose cursor only goes on, which is shown part by part, looks like one whose cells are filled in."""
        self.assertEqual(render(text), render(f"\r{text}"))
        self.assertEqual(style_after(text, PLAIN), render(text)[1])

    @given(st.lists(SIMPLE | PRINTABLE | ANY, min_size=1))
    def test_many_together_look_as_each_alone(self, lines: list[str]) -> None:
        """Lines that are rendered together come out as one by one; those that cannot be are given back."""
        lines = [line.replace("\n", " ") for line in lines]
        together = render_together(lines)
        style, alone = PLAIN, []
        for line in lines:
            html, style = render(line, style)
            alone.append(html)
        if together is not None:
            self.assertEqual([merged(html) for html in together], alone)
            self.assertEqual(style, PLAIN)

    @given(st.lists(SIMPLE, min_size=1))
    def test_simple_lines_are_rendered_together(self, lines: list[str]) -> None:
        """What most programs print takes the fast way: text, and colours that end in their line."""
        self.assertIsNotNone(render_together(lines))

    def test_very_many_colours_are_not_rendered_together(self) -> None:
        """A rainbow is rendered line by line: a look at all lines for each of its colours would take seconds."""
        rainbow = [f"\x1b[38;2;{red};0;0mx\x1b[0m" for red in range(256)]
        self.assertIsNone(render_together(rainbow))
        self.assertIsNotNone(render_together(rainbow[:50]))

    def test_colours_that_go_on_are_not_rendered_together(self) -> None:
        """A colour that ends in a later line, or not at all, is left to those who render lines one after the other."""
        for lines in (["\x1b[31ma", "b\x1b[0m"], ["\x1b[31ma"], ["a\x1b[0m"], ["\x1b[1m\x1b[31ma\x1b[0m"], ["a\rb"]):
            self.assertIsNone(render_together(lines))

    @given(ANY)
    def test_nothing_gets_through(self, text: str) -> None:
        """Whatever comes, the HTML has our own tags only, no control characters, and what it shows was sent."""
        html, style = render(text)
        bare = TAG.sub("", html)
        self.assertNotRegex(bare, '[<>"\x00-\x08\x0a-\x1f\x7f-\x9f]')
        self.assertEqual(unescape(bare), plain(text))
        self.assertLessEqual(set(plain(text)), set(text) | {" "})
        self.assertEqual(styled(PLAIN, style.sgr()), style)
