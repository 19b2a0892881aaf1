"""Checks of what the service listens on, and of whom it has to reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from smartdyn.doctor import sockets
from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning, worst
from smartdyn.settings.schema import Settings

_RUBY_UNIT = "smart_proxy_dynflow_core.service"
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service listens.

    @param address: empty for all of this machine.
    """

    address: str
    port: int
    tls: bool


def wanted(settings: Settings) -> Iterator[Place]:
    """All places, as the settings have them."""
    if "port" in settings.given or (settings.http_port is None and settings.https_port is None):
        yield Place(_address(settings.listen), settings.port, settings.use_https)
    for host in settings.bind_host:
        address = _address(host)
        if settings.http_port is not None:
            yield Place(address, settings.http_port, False)
        if settings.https_port is not None:
            yield Place(address, settings.https_port, True)


def _address(host: str) -> str:
    return "" if host == "*" else host


def _ports(context: Context) -> Verdict:
    taken = sockets.listening(context.root)
    found = []
    if not context.sees_all:
        return not_applicable("We may not see who listens where; run this as root.")
    for place in wanted(context.settings):
        for each in taken:
            if each.takes(place.address, place.port):
                holders = sockets.owners(context.root, each.inode)
                if not any(_is_ours(context, holder) for holder in holders):
                    found.append(_in_use(place.port, holders))
    return worst(found, "The ports are ours." if context.is_up else "The ports are free.")


def _is_ours(context: Context, holder: sockets.Owner) -> bool:
    """systemd may hold our sockets for us (socket activation)."""
    return holder.pid == context.pid or (holder.pid == 1 and holder.program in {"systemd", "init"})


def _in_use(port: int, holders: list[sockets.Owner]) -> Verdict:
    if not holders:
        return error(f"Another process listens on port {port}.", f"See whose it is (ss -ltnp 'sport = :{port}').")
    holder = holders[0]
    if holder.is_ruby_core:
        return error(
            f"The Ruby service that this one takes the place of has port {port} (pid {holder.pid}).",
            f"systemctl disable --now {_RUBY_UNIT} (or foreman-proxy, when that has the port)",
        )
    return error(
        f"Port {port} is in use by pid {holder.pid} ({holder.program}).",
        f"Stop it, or set another port than {port} in settings.yml.",
    )


def _former(context: Context) -> Verdict:
    ran = context.run(["systemctl", "is-enabled", _RUBY_UNIT])
    if ran is not None and ran.output.strip() == "enabled":
        return warning(
            "The Ruby service smart_proxy_dynflow_core is still enabled and takes the port after the next boot.",
            f"systemctl disable --now {_RUBY_UNIT}",
        )
    return ok("No Ruby service is in the way.")


def _privileged(context: Context) -> Verdict:
    first = context.kernel("proc/sys/net/ipv4/ip_unprivileged_port_start") or "1024"
    below = [place.port for place in wanted(context.settings) if place.port < int(first)]
    given = context.unit.get("AmbientCapabilities", "").lower()
    if below and not (context.is_up or context.account.is_root or "cap_net_bind_service" in given):
        return error(
            f"{context.account.name} may not listen on port {below[0]}.",
            "systemctl edit smartdyn: set AmbientCapabilities= and CapabilityBoundingSet=CAP_NET_BIND_SERVICE; "
            "or set a port from 1024 on.",
        )
    return ok("The service may listen on its ports.")


def _addresses(context: Context) -> Verdict:
    found = []
    for address in dict.fromkeys(place.address for place in wanted(context.settings) if place.address):
        key = "listen" if address == context.settings.listen else "bind_host"
        fix = f"Set `{key}` to an address of this machine (ip addr), or to 0.0.0.0 for all."
        try:
            _bind(address)
        except socket.gaierror:
            found.append(error(f"`{key}` {address} is no address, and no name that can be resolved.", fix))
        except OSError as problem:
            found.append(error(f"`{key}` {address} is no address of this machine ({problem.strerror}).", fix))
    return worst(found, "The addresses are this machine's.")


def _bind(address: str) -> None:
    family, _, _, _, where = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(where)


def _admitted(context: Context) -> Verdict:
    """Foreman has to be among those who are let in at the smart proxy's ports."""
    settings = context.settings
    host = urlsplit(settings.foreman_url).hostname or ""
    if settings.trusted_hosts is None or (settings.http_port is None and settings.https_port is None):
        return not_applicable("`trusted_hosts` is not set, or there are no ports that it is for.")
    if not settings.trusted_hosts:
        return error("`trusted_hosts` is empty, so nobody is let in.", f"Set it to [{host}].")
    if host.lower() not in {each.lower() for each in settings.trusted_hosts}:
        return warning(
            f"{host}, the host of `foreman_url`, is not among `trusted_hosts`.",
            f"Add {host}, unless Foreman's certificate carries another name.",
        )
    return ok("Foreman is among `trusted_hosts`.")


def _names(context: Context) -> Verdict:
    """Without TLS the peers' addresses must have names, which needs a name server."""
    settings = context.settings
    if settings.http_port is None or not settings.trusted_hosts:
        return not_applicable("Nobody is let in by the name of an address.")
    found = []
    for name in settings.trusted_hosts:
        try:
            socket.getaddrinfo(name, None)
        except socket.gaierror:
            found.append(
                warning(
                    f"{name} in `trusted_hosts` cannot be resolved, so it is not let in without TLS.",
                    f"Correct the name, or add {name} to the name server or /etc/hosts.",
                )
            )
    return worst(found, "The names in `trusted_hosts` can be resolved.")


def _proxy(context: Context) -> Verdict:
    chosen = next((name for name in _PROXIES if context.environment.get(name)), None)
    if chosen is None:
        return ok("No proxy is set for the service.")
    host = urlsplit(context.settings.foreman_url).hostname or ""
    exempt = (context.environment.get("NO_PROXY") or context.environment.get("no_proxy") or "").split(",")
    if any(each.strip() and (each.strip() == "*" or host.endswith(each.strip().lstrip("*"))) for each in exempt):
        return ok(f"{chosen} is set, and not for Foreman.")
    return warning(
        f"{chosen} is set for the service, which goes to Foreman directly all the same.",
        f"Let this machine reach {host} directly, and add {host} to NO_PROXY so that nobody wonders.",
    )


def _core(context: Context) -> Verdict:
    if not context.settings.core_url:
        return not_applicable("No core elsewhere is set.")
    return _reach(context, "core_url", context.settings.core_url, {"http": 80, "https": 443})


def _reach(context: Context, key: str, url: str, ports: dict[str, int]) -> Verdict:
    parts = urlsplit(url)
    try:
        port = parts.port or ports.get(parts.scheme)
    except ValueError:
        port = None
    if not parts.hostname or port is None:
        return error(f"`{key}` is no URL with host and port.", f"Write `{key}` as https://HOST:PORT.")
    try:
        socket.create_connection((parts.hostname, port), timeout=context.wait).close()
    except OSError as problem:
        return error(*unreachable(key, parts.hostname, port, problem))
    return ok(f"{parts.hostname}:{port} can be reached.")


def unreachable(key: str, host: str, port: int, problem: OSError) -> tuple[str, str]:
    """Why a connection could not be made, and what to do."""
    if isinstance(problem, socket.gaierror):
        return (
            f"{host} in `{key}` cannot be resolved.",
            f"Correct `{key}`, or see /etc/resolv.conf (getent hosts {host}).",
        )
    if isinstance(problem, ConnectionRefusedError):
        return f"{host}:{port} refuses connections.", f"Start what should listen there, or correct the port in `{key}`."
    if isinstance(problem, TimeoutError):
        return f"{host}:{port} does not answer.", f"Look for a firewall on the way to {host}:{port}."
    return (
        f"{host}:{port} cannot be reached: {problem.strerror or problem}.",
        f"Look at the way there (ip route get {host}).",
    )


CHECKS = (
    Check("ports", "the ports are ours to have", _ports),
    Check("former-service", "no Ruby service is in the way", _former, waits=True),
    Check("ports-privileged", "the service may have its ports", _privileged),
    Check("listen-address", "the addresses are this machine's", _addresses, waits=True),
    Check("trusted-foreman", "Foreman is let in", _admitted),
    Check("trusted-names", "who is let in by name can be found", _names, waits=True),
    Check("proxy", "proxies in the environment", _proxy),
    Check("core", "the core elsewhere can be reached", _core, waits=True),
)
