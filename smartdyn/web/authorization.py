"""Who may do what: decisions on facts about the peer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from smartdyn.errors import SmartdynError
from smartdyn.web.own_names import is_nobodys
from smartdyn.web.peers import ClientCertificate, Peer
from smartdyn.web.roles import Role, Roles

_LONGEST = 100


class Forbidden(SmartdynError):
    """The peer may not do this."""


class RoleNeeded(Forbidden):
    """The peer's role in the console does not go that far.

    @param role: what it has; None for nothing at all.
    """

    def __init__(self, needed: Role, role: Role | None, name: str) -> None:
        has = f"has the role {role.word}" if role else "has no role in this console"
        super().__init__(
            f"This needs the role {needed.word}; {name} {has}. Have the name added to `{needed.word}` in the setting "
            "`console_roles` of this proxy, or do it on the machine itself."
        )
        self.needed = needed
        self.role = role
        self.name = name


NameOf = Callable[[str], Awaitable[str | None]]
"""Finds the name of the host with an IP address, which that name must lead back to; None when there is none."""


IsOurs = Callable[[str], bool]
"""Does a C{Host} mean this machine?"""


async def _nameless(address: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom a listener lets in.

    Without a certificate and without C{trusted_hosts} there is nothing to know a peer by, so only this machine is let
    in; the Ruby services let in everybody.

    @param trusted_hosts: names of which a client certificate must carry one, or without TLS the peer's address have
        one; None lets in any certificate that our CA has signed.
    @param only: the one certificate that a core lets in, the smart proxy's (SPDC C{authorize_with_ssl_client}).
    @param console_auth: the console is for those who show a certificate, or else may use the API.
    @param name_of: used without TLS.
    @param is_ours: used without TLS for what a browser on this machine sends; a page of another site may be behind it.
    @param roles: what visitors of the console may do; None when all may do everything.
    @param accounts: behind a unix socket, the accounts that may do everything; nobody else may do anything there.
    """

    trusted_hosts: frozenset[str] | None = None
    only: Callable[[], ClientCertificate] | None = None
    console_auth: bool = True
    name_of: NameOf = _nameless
    is_ours: IsOurs = is_nobodys
    roles: Roles | None = None
    accounts: frozenset[str] | None = None

    async def require(self, peer: Peer, path: str) -> None:
        """
        @raise Forbidden: the peer may not use what is at C{path}; the words are the smart proxy's.
        """
        if self.accounts is not None:
            if peer.user not in self.accounts:
                who = " and ".join(sorted(self.accounts))
                raise Forbidden(f"This socket is for {who}, not for {peer.user}. Use sudo.")
        elif peer.tls:
            self._require_certificate(peer.certificate, path)
        elif peer.is_local and not self.is_ours(peer.host):
            raise Forbidden(
                f"{peer.host[:_LONGEST]} is no name of this machine, so a page of another site may have sent this. "
                "Ask for localhost or an address instead."
            )
        elif self.trusted_hosts is not None:
            name = await self.name_of(peer.address) if peer.address else "localhost"
            if name is None or name.lower() not in self.trusted_hosts:
                raise _untrusted(name or peer.address or "", path)
        elif not peer.is_local:
            raise Forbidden(
                "Requests without TLS are accepted from this machine only, unless `trusted_hosts` names the host."
            )

    async def role_of(self, peer: Peer, path: str) -> Role:
        """What the peer may do in the console.

        Without roles, whoever may use the API may do everything there. With roles, the name in a certificate that our
        CA has signed decides, and whoever is no part of the API may look at the console nevertheless.

        @raise Forbidden: the peer may not use the console.
        """
        if not peer.tls:
            await self.require(peer, path)
            if self.roles is None or peer.address is None or peer.is_local:
                return Role.ADMIN
            return self._role(await self.name_of(peer.address) or peer.address)
        if self.roles is None:
            if self.console_auth:
                self._require_certificate(peer.certificate, path)
            return Role.ADMIN
        if peer.certificate is None:
            if self.console_auth:
                raise Forbidden("No client SSL certificate supplied")
            return Role.VIEWER
        return self._role(peer.certificate.name)

    def _role(self, name: str) -> Role:
        role = self.roles.of(name) if self.roles else Role.ADMIN
        if role is None:
            raise RoleNeeded(Role.VIEWER, None, name)
        return role

    def _require_certificate(self, certificate: ClientCertificate | None, path: str) -> None:
        if certificate is None:
            asked = self.trusted_hosts is not None and self.only is None
            raise Forbidden(
                "could not read client cert from environment" if asked else "No client SSL certificate supplied"
            )
        if self.only is not None:
            if not certificate.is_same(self.only()):
                raise Forbidden("SSL certificate with unexpected serial supplied")
        elif self.trusted_hosts is not None and not certificate.names & self.trusted_hosts:
            raise _untrusted(next(iter(sorted(certificate.names)), "without a name"), path)


def _untrusted(name: str, path: str) -> Forbidden:
    return Forbidden(f"Untrusted client {name} attempted to access {path}. Check :trusted_hosts: in settings.yml")


def trusted(hosts: Sequence[str] | None) -> frozenset[str] | None:
    """The setting C{trusted_hosts} as a policy has it: an empty list trusts nobody."""
    return None if hosts is None else frozenset(host.lower() for host in hosts)


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
