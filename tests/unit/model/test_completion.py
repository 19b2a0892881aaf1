"""How a search that is being typed can go on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.completion import completions, last_term
from smartdyn.model.query import KEYS, parse

NAMES = [("host", "web 1"), ("host", "web2"), ("label", "RunScript")]


def offered(text: str) -> list[str]:
    """What a search can become."""
    return completions(text, NAMES)


class CompletionTests(SynchronousTestCase):
    """L{completions}."""

    def test_keys(self) -> None:
        """A word that a key begins with is completed to the key; nothing at all offers the keys."""
        self.assertEqual(offered("stat"), ["state:"])
        self.assertEqual(offered("state:failed re"), ["state:failed result:", "state:failed request:"])
        self.assertEqual(offered("")[:3], [f"{key}:" for key in KEYS][:3])

    def test_values(self) -> None:
        """Behind a key stand its values."""
        self.assertEqual(offered("state:fa"), ["state:failed"])
        self.assertEqual(offered("x cause:un"), ["x cause:unknown-name", "x cause:unreachable"])
        self.assertEqual(offered("parent:"), ["parent:none"])
        self.assertEqual(offered('result:"err'), ['result:"error"'])

    def test_names(self) -> None:
        """Hosts and labels that occur are offered behind their key and as words, in quotation marks if need be."""
        self.assertEqual(offered("host:we"), ["host:web2"])
        self.assertEqual(offered('host:"web 1'), ['host:"web 1"'])
        self.assertEqual(offered("script"), ["label:RunScript", "RunScript"])
        self.assertEqual(offered("state:failed web2"), [])
        self.assertEqual(offered("state:failed web"), ["state:failed web2"])

    def test_nothing_to_offer(self) -> None:
        """Unknown keys, texts, times that are typed out, closed quotation marks and endless searches are left alone."""
        for text in ("nope:x", 'text:"permission de', "since:3h", '"a b"', "x" * 2000, "foo::b", "state:failed"):
            self.assertEqual(offered(text), [], text)

    @given(st.text(alphabet='ab: "*\\web12RunScriptstate', max_size=40))
    def test_what_is_offered_is_shown_and_understood(self, text: str) -> None:
        """Browsers show only what has in it what was typed; and choosing it never makes a search worse."""
        for found in offered(text):
            self.assertIn(text.lower(), found.lower())
            term = last_term(text)
            assert term is not None
            chosen = found.removeprefix(term.before)
            self.assertTrue(chosen.removesuffix(":") in KEYS or parse(chosen, 1e9))
