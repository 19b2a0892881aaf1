"""Packets, whole and in pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.ciphers import CIPHERS, MACS, Keys, PacketRefused, protection
from smartdyn.ssh.packets import LARGEST_PACKET, PacketReader, PacketWriter, RekeyLimits

KEYS = Keys(bytes(range(64)), bytes(range(64, 128)), bytes(range(128, 192)))
SUITES: list[tuple[str, str | None]] = [(cipher, None) for cipher in CIPHERS if "gcm" in cipher] + [
    (cipher, mac) for cipher in CIPHERS if "gcm" not in cipher for mac in MACS
]

suites = st.sampled_from([None, *SUITES])
payloads = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6)


def pair(suite: tuple[str, str | None] | None) -> tuple[PacketWriter, PacketReader]:
    """A writer and the reader of what it writes."""
    writer, reader = PacketWriter(), PacketReader()
    if suite is not None:
        writer.renew(protection(*suite, KEYS, outgoing=True), restart=True)
        reader.renew(protection(*suite, KEYS, outgoing=False), restart=True)
    return writer, reader


def take_all(reader: PacketReader) -> list[bytes]:
    """All payloads that are there."""
    found = []
    while (payload := reader.next_payload()) is not None:
        found.append(payload)
    return found


class PacketTests(SynchronousTestCase):
    """What is written is read, or refused."""

    @settings(max_examples=150)
    @given(suites, payloads, st.data())
    def test_any_split_gives_the_same_packets(
        self, suite: tuple[str, str | None] | None, sent: list[bytes], data: st.DataObject
    ) -> None:
        """However the network cuts the stream, the packets are those that were sent."""
        writer, reader = pair(suite)
        stream = b"".join(writer.seal(payload) for payload in sent)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
        found = []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            reader.feed(stream[start:end])
            found += take_all(reader)
        self.assertEqual(found, sent)
        self.assertEqual((reader.sequence, reader.octets), (writer.sequence, writer.octets))

    @settings(max_examples=150)
    @given(st.sampled_from(SUITES), payloads, st.data())
    def test_a_changed_byte_is_refused(
        self, suite: tuple[str, str | None], sent: list[bytes], data: st.DataObject
    ) -> None:
        """Whichever byte is changed, nothing from there on is believed; a larger length only makes it wait."""
        writer, reader = pair(suite)
        stream = bytearray(b"".join(writer.seal(payload) for payload in sent))
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] ^= data.draw(st.integers(1, 255))
        reader.feed(bytes(stream))
        found: list[bytes] = []
        with self.assertRaises(PacketRefused):
            while (payload := reader.next_payload()) is not None:
                found.append(payload)
            # The packet now seems longer than what has come: with the rest of it, it is refused
            reader.feed(bytes(LARGEST_PACKET + 100))
            take_all(reader)
        self.assertEqual(found, sent[: len(found)])
        self.assertLess(len(found), len(sent))

    @given(st.binary(min_size=1, max_size=200))
    def test_garbage_does_not_confuse(self, garbage: bytes) -> None:
        """Before there are keys any bytes are packets, are refused, or wait for more."""
        reader = PacketReader()
        reader.feed(garbage)
        try:
            found = take_all(reader)
        except PacketRefused:
            return
        self.assertTrue(all(found))

    def test_lengths_have_a_bound(self) -> None:
        """A packet that would fill the memory is refused when its length is seen."""
        for suite in [None, *SUITES]:
            if suite is None or suite[1] is None or "-etm@" in suite[1]:
                _, reader = pair(suite)
                reader.feed((0x7FFFFFF0).to_bytes(4, "big"))
                self.assertRaises(PacketRefused, reader.next_payload)

    def test_an_empty_payload_is_refused(self) -> None:
        """A packet without a message number is none."""
        writer, reader = pair(None)
        reader.feed(writer.seal(b""))
        self.assertRaises(PacketRefused, reader.next_payload)

    def test_a_repeated_packet_is_refused(self) -> None:
        """The number of a packet is a part of its proof: none is taken twice."""
        for suite in SUITES:
            writer, reader = pair(suite)
            packet = writer.seal(b"once")
            reader.feed(packet + packet)
            self.assertEqual(reader.next_payload(), b"once")
            self.assertRaises(PacketRefused, reader.next_payload)

    def test_the_sequence_begins_again_only_when_told(self) -> None:
        """Fresh keys alone leave the numbers as they are (RFC 4253, section 6.4)."""
        writer, _ = pair(None)
        writer.seal(b"first")
        writer.renew(protection(*SUITES[0], KEYS, outgoing=True), restart=False)
        self.assertEqual((writer.sequence, writer.octets, writer.packets), (1, 0, 0))
        writer.renew(protection(*SUITES[0], KEYS, outgoing=True), restart=True)
        self.assertEqual(writer.sequence, 0)

    def test_the_sequence_wraps(self) -> None:
        """After 2**32 packets the numbers go on at 0."""
        writer, _ = pair(None)
        writer.sequence = 2**32 - 1
        writer.seal(b"last")
        self.assertEqual(writer.sequence, 0)

    def test_keys_wear_out(self) -> None:
        """By bytes or by packets, whatever comes first."""
        writer, _ = pair(None)
        writer.seal(b"x")
        self.assertTrue(RekeyLimits(packets=1).reached(writer))
        self.assertTrue(RekeyLimits(octets=16).reached(writer))
        self.assertFalse(RekeyLimits().reached(writer))

    def test_keys_are_hidden(self) -> None:
        """They appear in no log."""
        self.assertEqual(repr(KEYS), "Keys([hidden])")
