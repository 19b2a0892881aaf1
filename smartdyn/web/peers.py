"""What is known of whoever sends a request."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Any

from smartdyn.model.audit import Actor
from smartdyn.web.own_names import is_loopback
from smartdyn.web.requests import USER_HEADER, header

_LONGEST_NAME = 200
_ONLY_BROWSERS_SEND = ("Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode")
_CREDENTIALS = struct.Struct("3i")
"""Process, user and group."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client's certificate, which a CA of ours has signed.

    @param names: its common name and the DNS names of its subject alternative name, in lower case.
    @param issuer: the issuer's name in DER; with C{serial} it names one certificate.
    @param common_name: in lower case; empty when there is none.
    """

    names: frozenset[str]
    issuer: bytes
    serial: int
    common_name: str = ""

    @property
    def name(self) -> str:
        """What its holder is called: the common name, or the first of the others."""
        return self.common_name or next(iter(sorted(self.names)), "without a name")

    @classmethod
    def parse(cls, certificate: Any) -> ClientCertificate:
        """The facts of a certificate of C{cryptography}'s."""
        from cryptography import x509  # noqa: PLC0415  # only with TLS, and slow to import
        from cryptography.x509.oid import NameOID  # noqa: PLC0415

        subject = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common = [str(attribute.value).lower() for attribute in subject]
        names = set(common)
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names |= {name.lower() for name in extension.value.get_values_for_type(x509.DNSName)}
        except x509.ExtensionNotFound:
            pass
        issuer = certificate.issuer.public_bytes()
        return cls(frozenset(names), issuer, certificate.serial_number, common[-1] if common else "")

    def is_same(self, other: ClientCertificate) -> bool:
        """Are both one certificate? A serial number alone would not say so: another CA may have given it too."""
        return (self.issuer, self.serial) == (other.issuer, other.serial)


@dataclass(frozen=True, slots=True)
class Peer:
    """
    @param address: an IP address, None over a unix socket.
    @param certificate: a verified client certificate; None when there is none.
    @param user: the account behind a unix socket, as the kernel says.
    @param host: for whom a browser asks without TLS, as C{Host} says; empty when it says nothing, or it is none.
    """

    address: str | None
    tls: bool = False
    certificate: ClientCertificate | None = None
    user: str | None = None
    host: str = ""

    @property
    def is_local(self) -> bool:
        """Does the request come from this machine?"""
        return self.address is None or is_loopback(self.address)

    @property
    def name(self) -> str:
        """What it is called where it is written down what it did."""
        return self.certificate.name if self.certificate else self.user or self.address or "localhost"


def actor_of(request: Any, via: str) -> Actor:
    """Who wants something done.

    @param via: C{console} or C{api}.
    """
    return Actor(name_of(request), peer_of(request).address, via)


def name_of(request: Any) -> str:
    """What whoever sends a request is called, also behind a proxy that relays."""
    peer, user = peer_of(request), header(request, USER_HEADER) or ""
    relayed = 0 < len(user) <= _LONGEST_NAME and user.isprintable()
    return f"{user} through {peer.name}" if relayed else peer.name


def peer_of(request: Any) -> Peer:
    """Who sends a request."""
    address = getattr(request.getClientAddress(), "host", None)
    if not request.isSecure():
        if address is None:
            return Peer(None, user=_user_of(request))
        return Peer(_unmapped(address), host=_host_for_browser(request))
    channel = request.channel
    if not hasattr(channel, "smartdyn_certificate"):
        shown = request.transport.getPeerCertificate()
        channel.smartdyn_certificate = None if shown is None else ClientCertificate.parse(shown.to_cryptography())
    return Peer(address and _unmapped(address), True, channel.smartdyn_certificate)


def _host_for_browser(request: Any) -> str:
    """C{Host}, if a page in a browser may have sent this: programs say what they like there."""
    named = header(request, "User-Agent") or ""
    if "Mozilla/" in named or any(header(request, name) for name in _ONLY_BROWSERS_SEND):
        return header(request, "Host") or ""
    return ""


def _unmapped(address: str) -> str:
    """An IPv4 address as such, also when it came in at a socket for both versions (RFC 4291, 2.5.5.2)."""
    rest = address.removeprefix("::ffff:")
    return rest if "." in rest else address


def _user_of(request: Any) -> str | None:
    """The account of the process at the other end of a unix socket (unix(7), SO_PEERCRED)."""
    end = getattr(getattr(request, "transport", None), "socket", None)
    if end is None or getattr(end, "family", None) != socket.AF_UNIX:
        return None
    _, number, _ = _CREDENTIALS.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return _account(number)


def our_accounts() -> frozenset[str]:
    """Those that the service trusts as itself: its own, and root's."""
    return frozenset({_account(0), _account(os.geteuid())})


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account {number}"
