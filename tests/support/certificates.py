"""Certificates for tests: a CA of our own and what it signs."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Validity = Literal["expired", "now", "future"]


class Authority:
    """Signs certificates and writes them below a folder."""

    def __init__(self, folder: Path, *, name: str = "Test CA", parent: Authority | None = None) -> None:
        """@param parent: who signs this authority's own certificate; itself by default."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = common_name(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        issuer, key = (parent._name, parent._key) if parent else (self._name, self._key)
        builder = _builder(self._name, issuer, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        self.path = folder / "ca.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        subject: x509.Name | None = None,
        alternative: str | None = None,
        valid: Validity = "now",
        usage: x509.ObjectIdentifier | None = None,
        rsa_key: bool | int = False,
        file: str = "",
        lifetime: timedelta = timedelta(days=1),
    ) -> tuple[Path, Path]:
        """A certificate for a host name.

        @param subject: the whole subject, when it is more or less than the name.
        @param alternative: the name or address in the subject alternative name, when that is another one.
        @param usage: the only purpose it is for (extended key usage); any by default.
        @param rsa_key: an RSA key, of 2048 bits unless a number says otherwise.
        @param file: the name of its file, when it is not the host's.
        @return: its file and its key's.
        """
        bits = 2048 if rsa_key is True else rsa_key
        key: Any = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_alternative(alternative or name)])
        builder = _builder(subject or common_name(name), self._name, key.public_key(), valid, lifetime)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate = builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        paths = self.folder / f"{file or name}.pem", self.folder / f"{file or name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths


def common_name(text: str, **more: str) -> x509.Name:
    """A subject.

    @param more: attributes before the common name, by the names of L{NameOID}.
    """
    attributes = [x509.NameAttribute(getattr(NameOID, key), value) for key, value in more.items()]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, valid: Validity = "now", lifetime: timedelta = timedelta(days=1)
) -> x509.CertificateBuilder:
    now = datetime.now(UTC) + timedelta(days={"expired": -2, "now": 0, "future": 2}[valid])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + lifetime)
    )
