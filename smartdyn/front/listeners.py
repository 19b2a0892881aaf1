"""Where the service listens, for whom, and what it serves there.

Three roles, by what is set: the standalone core (C{listen}, C{port}), the smart proxy (C{http_port}, C{https_port}), or
both; and always the unix socket of the command line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from smartdyn.errors import SettingsError
from smartdyn.front.identity import TheCertificate
from smartdyn.settings import Settings
from smartdyn.web.authorization import IsOurs, NameOf, Policy, trusted
from smartdyn.web.peers import Peer, our_accounts
from smartdyn.web.roles import roles
from smartdyn.web.tls import ServerTLS

CORE_PREFIXES = ("", "/dynflow")
"""The standalone core has Dynflow's routes at the root; the plugin's prefix is understood as well."""

PROXY_PREFIXES = ("/dynflow",)

KINDS = ("core", "http", "https")

LONGEST_SOCKET_PATH = 107
"""Bytes that the kernel has room for (unix(7), C{sun_path})."""


@dataclass(frozen=True, slots=True)
class Listener:
    """
    @param interface: an address; all of this machine's when empty.
    @param tls: None for plain HTTP.
    @param prefixes: below which Dynflow's routes and the console are.
    @param path: of a unix socket, which has neither interface nor port.
    """

    interface: str
    port: int
    policy: Policy
    prefixes: tuple[str, ...]
    tls: ServerTLS | None = None
    path: Path | None = None

    @property
    def is_core(self) -> bool:
        """Is this the standalone core's, which a smart proxy may stand before?"""
        return self.prefixes == CORE_PREFIXES and self.path is None

    @property
    def kind(self) -> str:
        """What a socket that is handed over for it is called; one of L{KINDS}."""
        if self.path is not None:
            return "socket"
        return "core" if self.is_core else "https" if self.tls else "http"

    @property
    def url(self) -> str:
        """How it is shown."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = self.interface or "*"
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def is_pointless(self) -> bool:
        """Can others reach it, who are then all turned away?"""
        if self.path is not None:
            return False
        open_to_names = self.tls is not None or self.policy.trusted_hosts is not None
        return not open_to_names and not Peer(self.interface or "0.0.0.0").is_local


def listeners(settings: Settings, name_of: NameOf, is_ours: IsOurs) -> list[Listener]:
    """What the settings ask for.

    @param name_of: see L{Policy}, as for C{is_ours}.

    @raise SettingsError: they contradict each other, or a file that is needed cannot be used.
    """
    found = []
    policy = _policy(settings, name_of, is_ours)
    proxy = settings.http_port is not None or settings.https_port is not None
    if "port" in settings.given or not proxy:
        found.append(_core(settings, policy))
    if policy.roles is not None and policy.trusted_hosts is None and settings.https_port is not None:
        raise SettingsError(
            [
                "`console_roles` needs `trusted_hosts`: without it, whoever shows a certificate of the CA may use the "
                "whole API, whatever the role. List there the names of Foreman and of the proxies that may launch jobs."
            ]
        )
    for host in settings.bind_host if proxy else ():
        interface = _interface(host)
        if settings.http_port is not None:
            found.append(Listener(interface, settings.http_port, policy, PROXY_PREFIXES))
        if settings.https_port is not None:
            found.append(Listener(interface, settings.https_port, policy, PROXY_PREFIXES, _tls(settings, "https_port")))
    path = _socket_path(settings)
    if path is not None:
        found.append(Listener("", 0, Policy(accounts=our_accounts()), CORE_PREFIXES, path=path))
    return found


def _socket_path(settings: Settings) -> Path | None:
    """Where the unix socket of the command line is; None when there is none.

    @raise SettingsError: nothing can be there.
    """
    path = settings.socket_path
    if path is None or len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    if settings.socket is None:
        return None
    problem = f"`socket`: {path} is longer than {LONGEST_SOCKET_PATH} bytes, which no socket can be. Choose another."
    raise SettingsError([problem])


def _core(settings: Settings, policy: Policy) -> Listener:
    interface = _interface(settings.listen)
    if not settings.use_https:
        return Listener(interface, settings.port, policy, CORE_PREFIXES)
    tls = _tls(settings, "use_https")
    proxy = settings.path(settings.foreman_ssl_cert) if settings.foreman_ssl_cert else tls.certificate
    only = replace(policy, trusted_hosts=None, only=TheCertificate(proxy))
    return Listener(interface, settings.port, only, CORE_PREFIXES, tls)


def _interface(host: str) -> str:
    """All addresses are C{*} in settings, as in those of the Ruby services."""
    return "" if host == "*" else host


def _policy(settings: Settings, name_of: NameOf, is_ours: IsOurs) -> Policy:
    hosts, visitors = trusted(settings.trusted_hosts), roles(settings.console_roles)
    return Policy(hosts, None, settings.console_auth, name_of, is_ours, visitors)


def _tls(settings: Settings, wanted_by: str) -> ServerTLS:
    ca, certificate, key = settings.ssl_ca_file, settings.ssl_certificate, settings.ssl_private_key
    if ca is None or certificate is None or key is None:
        raise SettingsError([f"`{wanted_by}` needs `ssl_ca_file`, `ssl_certificate` and `ssl_private_key`."])
    return ServerTLS(
        settings.path(ca),
        settings.path(certificate),
        settings.path(key),
        settings.ssl_disabled_ciphers,
        settings.tls_disabled_versions,
    )
