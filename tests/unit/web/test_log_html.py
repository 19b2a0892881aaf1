"""Blocks of lines: nothing that a host prints gets out of them."""

from __future__ import annotations

import re
from itertools import chain

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.web.console.lines import Line
from smartdyn.web.console.log_html import SHORT, blocks
from tests.support.injection import corpus

BLOCK = re.compile(r'<div class="block light(?: full)?" data-numbers="([0-9\n]+)">(.*?\n)</div>\n', re.DOTALL)
SPAN = re.compile(r'<span class="[a-z0-9 ]+"(?: data-(?:color|background)="#[0-9a-f]{6}"){0,2}>|</span>')


class LightTests(SynchronousTestCase):
    """Blocks that are one element."""

    def test_texts_stay_text(self) -> None:
        """Whatever a line is, alone or among others, it becomes no element and as many lines as it has numbers."""
        texts = [text for text in chain.from_iterable(each.split("\n") for each in corpus()) if len(text) < SHORT]
        self.assertGreater(len(texts), 500)
        for kind in ("stdout", "stderr"):
            lines = [Line(number, kind, 0.0, text) for number, text in enumerate(texts, 1)]
            for each in (*([line] for line in lines), lines):
                html = "".join(blocks(each, light=True))
                self.assertEqual(BLOCK.sub("", html), "")
                for numbers, text in BLOCK.findall(html):
                    self.assertEqual(text.count("\n"), len(numbers.split("\n")))
                    self.assertNotRegex(SPAN.sub("", text), '[<>"]')
