"""Secrets in the output of scripts."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.masking import Mask
from smartdyn.rex.output import OutputDecoder, Piece
from smartdyn.secret import Secret
from tests.unit.rex.test_protocol import pieces

SECRETS = st.lists(st.text("ab", min_size=5, max_size=8), min_size=1, max_size=4)
"""Of two letters only, so that they overlap each other and themselves in every way."""

PRINTED = st.text("abé", max_size=60)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long it takes is the machine's business, not what is tested here."""

CUTS = st.lists(st.integers(0, 200), max_size=8)


def decode(data: list[bytes], secrets: list[str], offset: int = 0) -> list[Piece]:
    """All pieces of text."""
    decoder = OutputDecoder(offset, [Secret(secret) for secret in secrets])
    found = [piece for each in data for piece in decoder.feed(each)]
    return found + list(decoder.finish())


def masked(text: str, secrets: list[str]) -> str:
    """What is to be seen of C{text}: read from the left, the longest secret that begins at a place is replaced."""
    shown, at = "", 0
    while at < len(text):
        found = max((secret for secret in secrets if text.startswith(secret, at)), key=len, default="")
        shown += "*****" if found else text[at]
        at += len(found) or 1
    return shown


class MaskingTests(SynchronousTestCase):
    """No secret is shown, and nothing else is lost."""

    @unhurried
    @given(PRINTED, SECRETS, CUTS)
    def test_cuts_make_no_difference(self, text: str, secrets: list[str], cuts: list[int]) -> None:
        """However the output is read, the joined chunks are the masked output."""
        found = decode(pieces(text.encode(), cuts), secrets)
        self.assertEqual("".join(piece.text for piece in found), masked(text, secrets))
        self.assertTrue(not found or found[-1].offset == len(text.encode()))

    @unhurried
    @given(PRINTED, SECRETS, CUTS, st.integers(0, 10))
    def test_a_restart_makes_no_difference(self, text: str, secrets: list[str], cuts: list[int], served: int) -> None:
        """Another decoder that goes on from any offset that was served completes the same output."""
        first = decode(pieces(text.encode(), cuts), secrets)[:served]
        offset = first[-1].offset if first else 0
        rest = decode(pieces(text.encode()[offset:], cuts), secrets, offset)
        self.assertEqual("".join(piece.text for piece in first + rest), masked(text, secrets))

    def test_only_what_may_be_a_secret_is_held_back(self) -> None:
        """A prompt is shown at once, half a secret when it turns out to be none."""
        mask = Mask([Secret("sesame")])
        self.assertEqual((mask.feed(b"Login: "), mask.held), (b"Login: ", 0))
        self.assertEqual((mask.feed(b"open ses"), mask.held), (b"open ", 3))
        self.assertEqual((mask.feed(b"s"), mask.held), (b"ses", 1))
        self.assertEqual(mask.finish(), b"s")

    def test_short_secrets_are_left_alone(self) -> None:
        """Four characters turn up by chance; a mask in well-known text would tell them."""
        self.assertEqual([piece.text for piece in decode([b"root:x:0:0"], ["root"])], ["root:x:0:0"])

    def test_a_secret_is_taken_by_its_letters(self) -> None:
        """Characters that mean something in a pattern, or take several bytes, are ordinary ones here."""
        found = decode(pieces("x a.*[b\\é y a1*[b\\é".encode(), [5, 9]), ["a.*[b\\é"])
        self.assertEqual("".join(piece.text for piece in found), "x ***** y a1*[b\\é")
