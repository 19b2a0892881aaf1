"""What is agreed on, and how it is said when nothing is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.algorithms import STRICT_CLIENT, NoCommonAlgorithm, Proposal, agree, our_proposal
from smartdyn.ssh.groups import modp_prime
from smartdyn.ssh.key_exchange import derive, key_exchange, offered_key_exchanges
from smartdyn.ssh.wire import Malformed, MessageReader

OURS = our_proposal(["ssh-ed25519", "rsa-sha2-512"])
OLD = Proposal(
    ("diffie-hellman-group1-sha1",),
    ("ssh-rsa", "ssh-dss"),
    ("3des-cbc",),
    ("3des-cbc",),
    ("hmac-sha1",),
    ("hmac-sha1",),
    ("none",),
    ("none",),
)


class AgreementTests(SynchronousTestCase):
    """Negotiation."""

    def test_our_order_decides(self) -> None:
        """What we like best of what the server has is taken."""
        theirs = replace(OURS, cipher_c2s=("aes128-ctr", "aes256-ctr"), key_exchange=("ecdh-sha2-nistp256",))
        agreed = agree(OURS, theirs)
        self.assertEqual(agreed.cipher_out, "aes256-ctr")
        self.assertEqual(agreed.mac_out, "hmac-sha2-256-etm@openssh.com")
        self.assertEqual((agreed.cipher_in, agreed.mac_in), ("aes256-gcm@openssh.com", None))

    def test_gcm_needs_no_mac(self) -> None:
        """A server without any of our MACs is served with a cipher that authenticates by itself."""
        agreed = agree(OURS, replace(OURS, mac_c2s=("umac-64@openssh.com",), mac_s2c=("umac-64@openssh.com",)))
        self.assertIsNone(agreed.mac_out)

    def test_signs_are_no_methods(self) -> None:
        """What only announces an ability is never agreed on (RFC 8308, section 2.2)."""
        signs = ("ext-info-c", STRICT_CLIENT)
        self.assertRaises(NoCommonAlgorithm, agree, OURS, replace(OURS, key_exchange=signs))

    def test_a_server_of_the_past(self) -> None:
        """The error names what the server has, what we would take, and what to do."""
        text = str(self.assertRaises(NoCommonAlgorithm, agree, OURS, OLD))
        self.assertIn("no key exchange algorithm in common: the server offers diffie-hellman-group1-sha1, we", text)
        self.assertIn("no host key algorithm in common: the server offers ssh-rsa, ssh-dss, we would take", text)
        self.assertEqual(text.count("no cipher in common: the server offers 3des-cbc"), 1)
        self.assertIn("Enable one of those on the host, or update its SSH server.", text)
        self.assertNotIn("ext-info", text)

    def test_nothing_old_is_offered(self) -> None:
        """No SHA-1, MD5, CBC, 3DES or DSS."""
        everything = repr(OURS)
        for old in ("sha1", "md5", "cbc", "3des", "dss", "ssh-rsa"):
            self.assertNotIn(old, everything)

    def test_proposals_are_read_as_written(self) -> None:
        """A proposal survives the wire."""
        self.assertEqual(Proposal.decode(OURS.encode(bytes(16))), OURS)

    @given(st.binary(max_size=300))
    def test_a_malformed_proposal(self, payload: bytes) -> None:
        """Garbage is called so."""
        self.assertRaises(Malformed, Proposal.decode, payload)

    @given(st.integers(0, 200))
    def test_a_proposal_that_is_cut_short(self, missing: int) -> None:
        """Each field has to be there."""
        whole = OURS.encode(bytes(16))
        self.assertRaises(Malformed, Proposal.decode, whole[: len(whole) - 1 - missing])


class KeyExchangeTests(SynchronousTestCase):
    """The methods by themselves."""

    def test_the_best_comes_first(self) -> None:
        """Safe against quantum computers first, Diffie-Hellman over numbers last."""
        offered = offered_key_exchanges()
        self.assertEqual(offered[:2], ("mlkem768x25519-sha256", "curve25519-sha256"))
        self.assertEqual(offered[-1], "diffie-hellman-group-exchange-sha256")

    def test_the_primes_are_those_of_the_rfc(self) -> None:
        """The formula gives numbers of the right size, with the beginning and end that RFC 3526 prints."""
        for bits in (2048, 4096):
            digits = f"{modp_prime(bits):x}"
            self.assertEqual(len(digits) * 4, bits)
            self.assertTrue(digits.startswith("f" * 16 + "c90fdaa22168c234c4c6628b80dc1cd1"))
            self.assertTrue(digits.endswith("f" * 16))
            self.assertEqual(pow(2, modp_prime(bits) - 1, modp_prime(bits)), 1)

    @given(st.sampled_from(offered_key_exchanges()), st.binary(max_size=200))
    def test_garbage_is_refused(self, name: str, payload: bytes) -> None:
        """An answer that is none is an error that the transport knows."""
        self.assertRaises(ValueError, key_exchange(name).receive, payload)

    def test_numbers_that_give_the_secret_away_are_refused(self) -> None:
        """0, 1 and p - 1 are no public numbers (RFC 4253, section 8)."""
        prime = modp_prime(2048)
        for number in (0, 1, prime - 1, prime):
            encoded = number.to_bytes(257, "big")
            payload = bytes(4) + len(encoded).to_bytes(4, "big") + encoded + bytes(4)
            self.assertRaises(Malformed, key_exchange("diffie-hellman-group14-sha256").receive, payload)

    def test_small_groups_are_refused(self) -> None:
        """A server cannot choose a group that can be broken (RFC 8270)."""
        prime = (2**1023 + 1).to_bytes(129, "big")
        payload = len(prime).to_bytes(4, "big") + prime + b"\0\0\0\1\2"
        run = key_exchange("diffie-hellman-group-exchange-sha256")
        self.assertIn("1024 bits", str(self.assertRaises(Malformed, run.receive, payload)))

    def test_keys_are_as_long_as_asked(self) -> None:
        """Longer keys begin like shorter ones (RFC 4253, section 7.2)."""
        long = derive("sha256", b"k", b"h", b"s", b"A", 100)
        self.assertEqual((len(long), long[:32]), (100, derive("sha256", b"k", b"h", b"s", b"A", 32)))


class MessageReaderTests(SynchronousTestCase):
    """Fields of messages."""

    def test_fields(self) -> None:
        """Each type is read as RFC 4251 has it."""
        reader = MessageReader(b"\0\0\0\7" + b"\0\0\0\2ab" + b"\0\0\0\1\xff" + b"\0\0\0\3a,b" + b"\0\0\0\0")
        self.assertEqual((reader.uint32(), reader.string(), reader.mpint()), (7, b"ab", -1))
        self.assertEqual((reader.names(), reader.names()), (("a", "b"), ()))
        reader.end()
        self.assertRaises(Malformed, reader.uint32)

    def test_what_is_left(self) -> None:
        """More than there should be is an error."""
        self.assertRaises(Malformed, MessageReader(b"x").end)
