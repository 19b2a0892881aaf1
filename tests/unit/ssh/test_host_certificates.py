"""Hosts that an authority vouches for."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
)
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.certificates import Certificate
from smartdyn.ssh.errors import HostKeyRejected, KeyUnusable
from smartdyn.ssh.host_signature import BadHostSignature, verify_host_signature
from smartdyn.ssh.known_hosts import KnownHosts
from smartdyn.ssh.trust import PinnedKey

CERT = "ssh-ed25519-cert-v01@openssh.com"
NOW = 1_000_000.0


def line_of(key: Any) -> str:
    """A public key as in a .pub file."""
    found: bytes = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return found.decode()


class HostCertificateTests(SynchronousTestCase):
    """Certificates of hosts (PROTOCOL.certkeys)."""

    def setUp(self) -> None:
        self.authority = ed25519.Ed25519PrivateKey.generate()
        self.host = ed25519.Ed25519PrivateKey.generate()
        self.path = Path(self.mktemp())

    def certificate(
        self,
        *,
        kind: SSHCertificateType = SSHCertificateType.HOST,
        principals: tuple[bytes, ...] = (b"h1.example.org",),
        after: float = NOW - 10,
        before: float = NOW + 10,
        critical: bytes = b"",
        authority: Any = None,
    ) -> bytes:
        """A certificate of the host's key."""
        builder = SSHCertificateBuilder().public_key(self.host.public_key()).type(kind).key_id(b"host").serial(1)
        builder = builder.valid_after(int(after)).valid_before(int(before))
        builder = builder.valid_principals(list(principals)) if principals else builder.valid_for_all_principals()
        if critical:
            builder = builder.add_critical_option(critical, b"")
        text: bytes = builder.sign(authority or self.authority).public_bytes()
        return base64.b64decode(text.split()[1])

    def hosts(self, text: str) -> KnownHosts:
        """A strict store with these lines."""
        self.path.write_text(text)
        return KnownHosts(self.path, learn=False, now=lambda: NOW)

    def trusting(self, more: str = "") -> KnownHosts:
        """One that trusts the authority."""
        return self.hosts(f"@cert-authority *.example.org {line_of(self.authority)}\n{more}")

    def test_a_certified_host(self) -> None:
        """It is believed on each of its ports, and with a certificate for all hosts."""
        hosts = self.trusting()
        hosts.verify("h1.example.org", 22, CERT, self.certificate())
        hosts.verify("H1.example.org", 2222, CERT, self.certificate())
        hosts.verify("h2.example.org", 22, CERT, self.certificate(principals=()))

    def test_what_a_certificate_must_not_be(self) -> None:
        """For users, for another host, too old, too new, or with options that we do not understand."""
        cases = {
            "not a certificate for a host": self.certificate(kind=SSHCertificateType.USER),
            "it is for h2.example.org": self.certificate(principals=(b"h2.example.org",)),
            "expired": self.certificate(before=NOW),
            "not yet valid": self.certificate(after=NOW + 1),
            "critical options": self.certificate(critical=b"new-option"),
        }
        hosts = self.trusting()
        for reason, blob in cases.items():
            error = self.assertRaises(HostKeyRejected, hosts.verify, "h1.example.org", 22, CERT, blob)
            self.assertIn(reason, str(error))

    def test_a_changed_certificate(self) -> None:
        """A byte that was changed after signing is noticed."""
        blob = bytearray(self.certificate())
        blob[blob.index(b"h1.example.org") + 1] = ord("2")
        error = self.assertRaises(HostKeyRejected, self.trusting().verify, "h2.example.org", 22, CERT, bytes(blob))
        self.assertIn("signature is wrong", str(error))

    def test_an_authority_that_nobody_knows(self) -> None:
        """Its word is worth nothing: only the key itself counts then."""
        blob = self.certificate(authority=ed25519.Ed25519PrivateKey.generate())
        self.assertRaises(HostKeyRejected, self.trusting().verify, "h1.example.org", 22, CERT, blob)
        self.trusting(f"h1.example.org {line_of(self.host)}\n").verify("h1.example.org", 22, CERT, blob)

    def test_a_host_outside_the_authoritys_domain(self) -> None:
        """An authority speaks for the hosts of its line only."""
        blob = self.certificate(principals=())
        self.assertRaises(HostKeyRejected, self.trusting().verify, "h1.example.com", 22, CERT, blob)

    def test_revoked_keys(self) -> None:
        """A revoked host key is refused with its certificate too, and so is everything a revoked authority signed."""
        for revoked in (self.host, self.authority):
            hosts = self.trusting(f"@revoked * {line_of(revoked)}\n")
            error = self.assertRaises(HostKeyRejected, hosts.verify, "h1.example.org", 22, CERT, self.certificate())
            self.assertIn("revoked", str(error))

    def test_what_is_no_certificate(self) -> None:
        """Broken ones are refused, not crashed upon."""
        blob = self.certificate()
        for broken in (b"", NS(CERT.encode()), blob[:-1], blob[:60], NS(CERT.encode()) + bytes(200)):
            self.assertRaises(ValueError, Certificate.parse, CERT, broken)
            self.assertRaises(HostKeyRejected, self.trusting().verify, "h1.example.org", 22, CERT, broken)

    def test_who_signed_the_exchange(self) -> None:
        """The key in the certificate must have signed, with the algorithm that was agreed upon."""
        signature = NS(b"ssh-ed25519") + NS(self.host.sign(b"hash"))
        blob = self.certificate()
        verify_host_signature(CERT, blob, signature, b"hash")
        key = Key(rsa.generate_private_key(65537, 2048))
        weak = key.sign(b"hash", b"ssh-rsa")
        for algorithm, host_key, signed, data in (
            (CERT, blob, signature, b"other"),
            ("rsa-sha2-512", blob, signature, b"hash"),
            ("rsa-sha2-512", key.public().blob(), weak, b"hash"),
        ):
            self.assertRaises(BadHostSignature, verify_host_signature, algorithm, host_key, signed, data)

    def test_a_pinned_key(self) -> None:
        """A job's own host key is the only one that is believed, on any port."""
        pinned = PinnedKey(f"{line_of(self.host)} comment")
        blob = base64.b64decode(line_of(self.host).split()[1])
        pinned.verify("h1", 2222, "ssh-ed25519", blob)
        self.assertEqual(pinned.key_types("h1", 22), ["ssh-ed25519"])
        error = self.assertRaises(HostKeyRejected, pinned.verify, "h1", 22, "ssh-ed25519", blob[:-1] + b"x")
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", str(error))
        for wrong in ("", "ssh-ed25519", "ssh-ed25519 ?", "ssh-rsa " + line_of(self.host).split()[1]):
            self.assertRaises(KeyUnusable, PinnedKey, wrong)
