"""The first lines of a connection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.identification import IdentificationReader, NotSSH


class IdentificationTests(SynchronousTestCase):
    """Who answers."""

    @given(st.lists(st.integers(0, 60), max_size=5))
    def test_any_split(self, cuts: list[int]) -> None:
        """However it is cut, the identification is found, and what follows it is kept."""
        stream = b"Be welcome\r\nSSH-2.0-Some_1.0 a comment\r\n\0\0\0\x2c"
        reader, found, rest = IdentificationReader(), None, b""
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
            if found is None:
                found = reader.feed(stream[start:end])
            else:
                rest += stream[start:end]
        assert found is not None
        self.assertEqual((found[0], found[1] + rest), (b"SSH-2.0-Some_1.0 a comment", b"\0\0\0\x2c"))

    def test_what_is_refused(self) -> None:
        """Old versions, other protocols and endless lines are named."""
        for sent, words in (
            (b"SSH-1.5-old\n", "speaks version 1.5"),
            (b"SSH-2.0-" + b"x" * 300 + b"\n", "too long"),
            (b"SSH-2.0-" + b"x" * 300, "no SSH server"),
            (b"220 mail.example.com ESMTP\r\n" * 1000, "it sent 220 mail.example.com ESMTP"),
            (b"\0" * 20000, "no SSH server"),
            (b"SSH-\n", "speaks version"),
        ):
            error = self.assertRaises(NotSSH, IdentificationReader().feed, sent)
            self.assertIn(words, str(error))

    def test_old_and_new(self) -> None:
        """1.99 is a server that speaks both versions (RFC 4253, section 5.1)."""
        self.assertEqual(IdentificationReader().feed(b"SSH-1.99-x\n"), (b"SSH-1.99-x", b""))

    def test_last_words(self) -> None:
        """What a server says instead is kept for the error."""
        reader = IdentificationReader()
        self.assertIsNone(reader.feed(b"Exceeded MaxStartups\r\n"))
        self.assertEqual(reader.last_words, "Exceeded MaxStartups")

    def test_who_is_only_busy(self) -> None:
        """Silence, and OpenSSH's words for too many connections; anything else will be the same the next time."""
        for sent, busy in (
            (b"", True),
            (b"\r\n", True),
            (b"Exceeded MaxStartups\r\n", True),
            (b"Not allowed at this time\r\n", True),
            (b"Not allowed at this time", True),
            (b"220 mail.example.com ESMTP\r\n", False),
            (b"SSH-2.0", False),
        ):
            reader = IdentificationReader()
            reader.feed(sent)
            self.assertIs(reader.turned_away, busy, sent)
