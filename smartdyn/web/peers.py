"""What is known of whoever sends a request."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from smartdyn.model.audit import Actor


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client's certificate, which a CA of ours has signed.

    @param names: its common name and the DNS names of its subject alternative name, in lower case.
    @param issuer: the issuer's name in DER; with C{serial} it names one certificate.
    """

    names: frozenset[str]
    issuer: bytes
    serial: int

    @classmethod
    def parse(cls, certificate: Any) -> ClientCertificate:
        """The facts of a certificate of C{cryptography}'s."""
        from cryptography import x509  # noqa: PLC0415  # only with TLS, and slow to import
        from cryptography.x509.oid import NameOID  # noqa: PLC0415

        subject = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = {str(attribute.value).lower() for attribute in subject}
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names |= {name.lower() for name in extension.value.get_values_for_type(x509.DNSName)}
        except x509.ExtensionNotFound:
            pass
        return cls(frozenset(names), certificate.issuer.public_bytes(), certificate.serial_number)

    def is_same(self, other: ClientCertificate) -> bool:
        """Are both one certificate? A serial number alone would not say so: another CA may have given it too."""
        return (self.issuer, self.serial) == (other.issuer, other.serial)


@dataclass(frozen=True, slots=True)
class Peer:
    """
    @param address: an IP address, None over a unix socket.
    @param certificate: a verified client certificate; None when there is none.
    """

    address: str | None
    tls: bool = False
    certificate: ClientCertificate | None = None

    @property
    def is_local(self) -> bool:
        """Does the request come from this machine?"""
        return self.address is None or _is_loopback(self.address)

    @property
    def name(self) -> str:
        """What it is called where it is written down what it did."""
        names = sorted(self.certificate.names) if self.certificate else []
        return names[0] if names else self.address or "localhost"


@lru_cache(maxsize=256)
def _is_loopback(address: str) -> bool:
    """Asked at each request, of the same few addresses."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def actor_of(request: Any, via: str) -> Actor:
    """Who wants something done.

    @param via: C{console} or C{api}.
    """
    peer = peer_of(request)
    return Actor(peer.name, peer.address, via)


def peer_of(request: Any) -> Peer:
    """Who sends a request."""
    address = getattr(request.getClientAddress(), "host", None)
    if not request.isSecure():
        return Peer(address)
    channel = request.channel
    if not hasattr(channel, "smartdyn_certificate"):
        shown = request.transport.getPeerCertificate()
        channel.smartdyn_certificate = None if shown is None else ClientCertificate.parse(shown.to_cryptography())
    return Peer(address, True, channel.smartdyn_certificate)
