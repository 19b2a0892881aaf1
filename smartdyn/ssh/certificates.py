"""Certificates of keys (OpenSSH, PROTOCOL.certkeys)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)
from twisted.conch.ssh.common import NS, getNS

from smartdyn.ssh.errors import KeyUnusable

CERTIFICATE = "-cert-v01@openssh.com"
"""How the names of types and algorithms end that are those of certificates."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A key with a statement of an authority about it.

    @param key: the public key, as it goes over the wire without a certificate.
    @param authority: the key of the authority that signed.
    """

    key: bytes
    authority: bytes
    _content: SSHCertificate
    _signed_by: str

    @classmethod
    def parse(cls, key_type: str, blob: bytes) -> Certificate:
        """
        @raise ValueError: it is none that we could judge.
        """
        try:
            content = load_ssh_public_identity(key_type.encode() + b" " + base64.b64encode(blob))
            if not isinstance(content, SSHCertificate):
                raise ValueError("no certificate")
            key, authority = (_blob(part) for part in (content.public_key(), content.signature_key()))
        except (UnsupportedAlgorithm, UnicodeError) as error:
            raise ValueError(str(error)) from error
        marked = NS(authority)
        signature = getNS(blob[blob.rindex(marked) + len(marked) :])[0]
        return cls(key, authority, content, getNS(signature)[0].decode("ascii", "replace"))

    def problem(self, host: str, now: float) -> str | None:
        """Why this does not make its key the key of C{host}, None when it does.

        Whether the authority is to be trusted is not asked here.
        """
        content = self._content
        if content.type is not SSHCertificateType.HOST:
            return "it is not a certificate for a host"
        if self._signed_by == "ssh-rsa":
            return "it is signed with SHA-1"
        try:
            content.verify_cert_signature()
        except InvalidSignature:
            return "its signature is wrong"
        if content.critical_options:
            return "it has critical options that are not understood"
        if now < content.valid_after:
            return "it is not yet valid"
        if now >= content.valid_before:
            return "it has expired"
        principals = [name.decode("utf-8", "replace").lower() for name in content.valid_principals]
        if principals and host.lower() not in principals:
            return f"it is for {', '.join(principals)}"
        return None


def plain_key(key_type: str, blob: bytes) -> tuple[str, bytes]:
    """The type and the blob of the key itself, whether it comes with a certificate or not.

    @raise ValueError: it is no key, or of another type than said.
    """
    if getNS(blob + bytes(4))[0] != key_type.encode():
        raise ValueError("the key is not of that type")
    if key_type.endswith(CERTIFICATE):
        blob = Certificate.parse(key_type, blob).key
        key_type = key_type.removesuffix(CERTIFICATE)
    return key_type, blob


def read_certificate(path: Path) -> bytes | None:
    """The certificate in a file as C{ssh-keygen -s} writes it, None when there is no file.

    @raise KeyUnusable: it does not hold one.
    """
    try:
        fields = path.read_bytes().split()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyUnusable(f"The certificate {path} cannot be read: {error.strerror}.") from error
    try:
        blob = base64.b64decode(fields[1], validate=True)
        Certificate.parse(fields[0].decode(), blob)
    except (IndexError, ValueError) as error:
        raise KeyUnusable(f"{path} does not hold a certificate that can be used: {error}") from error
    return blob


def _blob(key: object) -> bytes:
    public_bytes = getattr(key, "public_bytes")  # noqa: B009  # a union of classes that share no base
    line: bytes = public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])
