"""Bytes into text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.rex.output import OutputDecoder, Piece
from tests.unit.rex.test_protocol import pieces


def decode(data: list[bytes]) -> list[Piece]:
    """All pieces of text."""
    decoder = OutputDecoder()
    found = [piece for each in data for piece in decoder.feed(each)]
    return found + list(decoder.finish())


class DecoderTests(SynchronousTestCase):
    """L{OutputDecoder} loses nothing and stumbles over nothing."""

    @given(st.text(max_size=200), st.lists(st.integers(0, 500), max_size=10))
    def test_text_survives_any_cut(self, text: str, cuts: list[int]) -> None:
        """A character that is cut by the end of a read is put together again."""
        found = decode(pieces(text.encode("utf-8", "replace"), cuts))
        self.assertEqual("".join(piece.text for piece in found), text.encode("utf-8", "replace").decode())

    @given(st.binary(max_size=200), st.lists(st.integers(0, 500), max_size=10))
    def test_bytes_that_are_no_text_are_replaced(self, data: bytes, cuts: list[int]) -> None:
        """The result is what decoding all at once gives, whatever the pieces."""
        found = decode(pieces(data, cuts))
        self.assertEqual("".join(piece.text for piece in found), data.decode("utf-8", "replace"))

    def test_the_offset_leaves_out_half_a_character(self) -> None:
        """After a restart the host sends again from the last whole character."""
        decoder = OutputDecoder(100)
        self.assertEqual(list(decoder.feed("aé".encode()[:2])), [Piece("a", 101)])
        self.assertEqual(decoder.received, 102)

    def test_long_output_is_cut_behind_lines(self) -> None:
        """No chunk is larger than a page can bear, and lines stay whole."""
        text = "".join(f"line {number}\n" for number in range(20_000))
        found = decode([text.encode()])
        self.assertEqual("".join(piece.text for piece in found), text)
        self.assertTrue(all(len(piece.text) <= 65_536 and piece.text.endswith("\n") for piece in found))
        self.assertEqual(found[-1].offset, len(text))

    @given(st.binary(max_size=200), st.lists(st.integers(0, 500), max_size=10), st.integers(0, 10))
    def test_a_restart_goes_on_at_any_offset_that_was_served(self, data: bytes, cuts: list[int], served: int) -> None:
        """The bytes from there on complete the text, also where they are no text."""
        first = decode(pieces(data, cuts))[:served]
        offset = first[-1].offset if first else 0
        rest = decode([data[offset:]])
        self.assertEqual("".join(piece.text for piece in first + rest), data.decode("utf-8", "replace"))

    def test_garbage_is_cut_as_well(self) -> None:
        """Without lines a chunk ends at its limit, each with the right offset, and no character is cut."""
        data = b"\xff" * 100_000 + "€".encode() * 50_000
        found = decode([data])
        self.assertEqual("".join(piece.text for piece in found), data.decode("utf-8", "replace"))
        self.assertTrue(all(len(piece.text) <= 65_536 for piece in found))
        self.assertEqual([piece.offset for piece in found], [65_536, 131_071, 196_606, 250_000])
