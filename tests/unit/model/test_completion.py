"""How a search that is being typed can go on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.completion import MOST, completions, last_term
from smartdyn.model.query import KEYS, parse

NAMES = [("host", "web 1"), ("host", "web2"), ("label", "RunScript")]


def offered(text: str) -> list[str]:
    """What a search can become."""
    term = last_term(text)
    return [] if term is None else completions(term, NAMES)


class CompletionTests(SynchronousTestCase):
    """L{last_term} and L{completions}."""

    def test_keys(self) -> None:
        """A word that a key begins with is completed to the key; nothing at all offers the keys."""
        self.assertEqual(offered("st"), ["state:"])
        self.assertEqual(offered("state:failed re"), ["state:failed result:", "state:failed request:"])
        self.assertEqual(offered(""), [f"{key}:" for key in KEYS][:MOST])

    def test_values(self) -> None:
        """Behind a key stand its values, of which any part may be typed."""
        self.assertEqual(offered("state:fa"), ["state:failed"])
        self.assertEqual(offered("x cause:un"), ["x cause:unknown-name", "x cause:unreachable"])
        self.assertEqual(offered("parent:"), ["parent:none"])

    def test_names(self) -> None:
        """Hosts and labels that occur are offered behind their key and for a part of them, quoted if need be."""
        self.assertEqual(offered("host:we"), ['host:"web 1"', "host:web2"])
        self.assertEqual(offered('host:"web 1'), ['host:"web 1"'])
        self.assertEqual(offered("script"), ["label:RunScript"])

    def test_nothing_to_offer(self) -> None:
        """Unknown keys, texts, times that are typed out, closed quotation marks and endless searches are left alone."""
        for text in ("nope:x", 'text:"permission de', "since:3h", '"a b"', "x" * 2000, "foo::b"):
            self.assertEqual(offered(text), [], text)

    @given(st.text(alphabet='ab: "*\\web12RunScriptstate', max_size=40))
    def test_what_is_offered_is_understood(self, text: str) -> None:
        """Choosing what is offered never makes a search worse: the term that it completes is understood."""
        for found in offered(text):
            term = last_term(text)
            assert term is not None
            self.assertTrue(found.startswith(term.before))
            chosen = found.removeprefix(term.before)
            self.assertTrue(chosen.removesuffix(":") in KEYS or parse(chosen, 1e9))
