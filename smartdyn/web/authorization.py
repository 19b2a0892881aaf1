"""Who may do what: decisions on facts about the peer."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from smartdyn.errors import SmartdynError


class Forbidden(SmartdynError):
    """The peer may not do this."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of whoever sends a request.

    @param address: an IP address, None over a unix socket.
    @param certificate_names: the names in a verified client certificate; None when there is no certificate.
    """

    address: str | None
    tls: bool = False
    certificate_names: frozenset[str] | None = None

    @property
    def is_local(self) -> bool:
        """Does the request come from this machine?"""
        if self.address is None:
            return True
        try:
            return ipaddress.ip_address(self.address.partition("%")[0]).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to let in.

    Without TLS there is nothing to know a peer by, so only this machine is let in.

    @param trusted_hosts: names that a client certificate must carry one of; None lets any verified certificate in.
    """

    trusted_hosts: frozenset[str] | None = None

    def require(self, peer: Peer, path: str) -> None:
        """
        @raise Forbidden: the peer may not use what is at C{path}; the words are the smart proxy's.
        """
        if not peer.tls:
            if not peer.is_local:
                raise Forbidden("Requests without TLS are accepted from this machine only.")
            return
        if peer.certificate_names is None:
            raise Forbidden("No client SSL certificate supplied")
        if self.trusted_hosts is not None and not peer.certificate_names & self.trusted_hosts:
            name = next(iter(sorted(peer.certificate_names)), "without a name")
            raise Forbidden(
                f"Untrusted client {name} attempted to access {path}. Check :trusted_hosts: in settings.yml"
            )


def policy(trusted_hosts: Sequence[str] | None) -> Policy:
    """The policy that the settings describe."""
    return Policy(None if trusted_hosts is None else frozenset(host.lower() for host in trusted_hosts))


def parse_basic(header: str) -> tuple[str, str] | None:
    """User and password of a Basic C{Authorization} header; None for anything else, such as one without a colon."""
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(token.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None
