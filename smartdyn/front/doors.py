"""Everything that listens, and what it serves to whom."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.client import Agent, ContentDecoderAgent, GzipDecoder, HTTPConnectionPool
from twisted.web.resource import IResource

from smartdyn import __version__, parts
from smartdyn.actions.tasks import Tasks
from smartdyn.errors import SettingsError
from smartdyn.foreman.tls import ForemanPolicy
from smartdyn.front.listeners import Listener, listeners
from smartdyn.front.unix_socket import open_socket
from smartdyn.log.buffer import LogBuffer
from smartdyn.log.control import LevelControl
from smartdyn.metrics.http import HttpMeters
from smartdyn.model.overview import HealthItem
from smartdyn.settings import Settings
from smartdyn.settings.script import script_problem
from smartdyn.systemd.activation import HandedSocket, HandedSockets
from smartdyn.web.console.status_views import Inspector
from smartdyn.web.forward import Forwarder
from smartdyn.web.health import HealthApi
from smartdyn.web.log_levels import LogLevelApi
from smartdyn.web.logs import LogApi
from smartdyn.web.names import HostNames
from smartdyn.web.own_names import OwnNames
from smartdyn.web.proxy_api import Metrics, ProxyApi, ProxyFacts
from smartdyn.web.root import make_app
from smartdyn.web.routes import Served, routes
from smartdyn.web.site import LimitedSite
from smartdyn.web.tls import ReloadingContextFactory, server_context
from smartdyn.web.way import Way

_CORE_CONNECT = 10.0
"""Seconds until a core elsewhere must have taken a connection."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to serve.

    @param health: how what the service needs is.
    @param standing_still: what does not move any more; nothing when all is well.
    @param until_ready: requests for tasks wait for this.
    """

    tasks: Tasks
    metrics: Metrics
    levels: LevelControl
    inspector: Inspector
    health: Callable[[], Awaitable[Sequence[HealthItem]]]
    standing_still: Callable[[], Sequence[str]]
    until_ready: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Door:
    """A listener that is open.

    @param contexts: makes the TLS of new connections, where they have any.
    @param ports: more than one when several sockets were handed over for it, none when another listener of its kind
        has them.
    """

    listener: Listener
    site: LimitedSite
    contexts: ReloadingContextFactory | None
    ports: Sequence[Any]


class Front:
    """The listeners of the service."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        now: Callable[[], float],
        logs: LogBuffer,
        failures: dict[str, str],
        handed: HandedSockets,
        meters: HttpMeters,
        own_names: OwnNames,
    ) -> None:
        """
        @param now: the time of day, seconds since the epoch.
        @param failures: why modules that should run do not, by name.
        @param handed: sockets that are open already.
        """
        self._settings = settings
        self._reactor = reactor
        self._now = now
        self._logs = logs
        self._failures = failures
        self._handed = handed
        self._meters = meters
        self._own_names = own_names
        self._doors: list[Door] = []

    def open(self, offer: Offer) -> None:
        """Take all ports.

        @raise SettingsError: one cannot be had, or files for TLS cannot be used.
        """
        self._offer = offer
        for listener, pages in self._served(self._settings):
            site = LimitedSite(pages, self._reactor, __version__, meters=self._meters)
            contexts = ReloadingContextFactory(listener.tls) if listener.tls is not None else None
            self._doors.append(Door(listener, site, contexts, self._open_ports(listener, site, contexts)))
        if self._settings.socket is None and not any(door.listener.path for door in self._doors):
            self._log.warn(
                "the command line cannot reach us: beside the database no socket fits; set a shorter `socket`"
            )
        for socket in self._handed.close_rest():
            self._log.warn(
                "systemd handed over the socket `{name}` on port {port}, where the settings want nothing",
                name=socket.name,
                port=socket.port,
            )

    def prepare(self, settings: Settings) -> Callable[[], None]:
        """Make ready to serve what other settings ask for; calling what is returned does so, from the next request on.

        Where the service listens stays as it is, and so do all connections.

        @raise SettingsError: files for TLS cannot be used.
        """
        served = self._served(settings)
        secured = [server_context(listener.tls) if listener.tls is not None else None for listener, _ in served]

        def use() -> None:
            self._settings = settings
            for door, (listener, pages), context in zip(self._doors, served, secured, strict=True):
                door.site.resource = pages
                if door.contexts is not None and listener.tls is not None:
                    door.contexts.use(listener.tls, context)

        return use

    def _served(self, settings: Settings) -> list[tuple[Listener, IResource]]:
        """The listeners, with what each serves."""
        names = HostNames(self._reactor, forward_verify=settings.forward_verify)
        wanted = listeners(settings, names.name_of, self._own_names.has)
        facts = self._facts(settings, wanted)
        for listener in wanted:
            if listener.is_pointless:
                self._log.warn(
                    "{url} has neither TLS nor `trusted_hosts`, so everybody but this machine is turned away there",
                    url=listener.url,
                )
        way = _way(settings, wanted)
        return [(listener, self._pages(settings, listener, facts, way)) for listener in wanted]

    def _pages(self, settings: Settings, listener: Listener, facts: ProxyFacts, way: Way) -> IResource:
        """Everything that a listener serves."""
        offer, policy = self._offer, listener.policy
        forwarder = self._forwarder(settings, listener)
        served = Served(
            offer.tasks,
            parts.host_keys(settings),
            ProxyApi(facts, offer.metrics, forwarder.operations if forwarder else None),
            HealthApi(offer.health, offer.standing_still),
            LogApi(self._logs, lambda: facts.failed),
            LogLevelApi(offer.levels, offer.tasks.control),
            offer.inspector,
            self._now,
            self._reactor,
            self._meters,
            way,
        )
        found = routes(served, listener.prefixes[0], behind_proxy=listener.is_core)
        if forwarder is None:
            app = make_app(found.dynflow, found.about, offer.until_ready, listener.prefixes, policy)
        else:
            app = make_app(forwarder.routes(), found.about, offer.until_ready, ("",), policy)
        pages: IResource = app.resource()
        return pages

    def _forwarder(self, settings: Settings, listener: Listener) -> Forwarder | None:
        """Who relays what comes to this listener to a core elsewhere, if somebody does."""
        reactor = self._reactor
        if settings.core_url is None or listener.is_core or listener.path is not None:
            return None
        certificates = ForemanPolicy(parts.core_certificates(settings))
        pool = HTTPConnectionPool(reactor, persistent=False)
        plain = Agent(reactor, certificates, connectTimeout=_CORE_CONNECT, pool=pool)
        agent = ContentDecoderAgent(plain, [(b"gzip", GzipDecoder)])
        return Forwarder(reactor, agent, settings.core_url, listener.policy)

    def _open_ports(
        self, listener: Listener, site: LimitedSite, contexts: ReloadingContextFactory | None
    ) -> Sequence[Any]:
        if listener.path is not None:
            return [open_socket(self._reactor, listener.path, site)]
        factory = site if contexts is None else TLSMemoryBIOFactory(contexts, False, site)
        handed = self._handed.take(listener.kind, listener.port)
        if handed is not None:
            return [self._adopt(socket, factory) for socket in handed]
        try:
            return [self._reactor.listenTCP(listener.port, factory, interface=listener.interface)]
        except CannotListenError as error:
            raise SettingsError([f"Cannot listen on {listener.url}: {error.socketError}. Set another port."]) from error

    def _adopt(self, socket: HandedSocket, factory: Any) -> Any:
        port = self._reactor.adoptStreamPort(socket.descriptor, socket.family, factory)
        # The port works with a duplicate
        os.close(socket.descriptor)
        return port

    def _facts(self, settings: Settings, wanted: Sequence[Listener]) -> ProxyFacts:
        key = settings.path(settings.ssh_identity_key_file)
        public = key.with_name(f"{key.name}.pub")
        capabilities: dict[str, Sequence[str]] = {"dynflow": self._offer.tasks.operations(), "logs": ()}
        failed = dict(self._failures)
        problem = script_problem(settings)
        if problem is None:
            capabilities["script"] = ()
        else:
            failed["script"] = problem
            self._log.error("scripts cannot be run through this proxy: {reason}", reason=problem)
        ca = settings.ssh_user_ca_public_key_file
        return ProxyFacts(
            __version__,
            capabilities,
            failed,
            public,
            settings.path(ca) if ca else None,
            http=any(listener.tls is None and listener.path is None for listener in wanted),
            https=any(listener.tls is not None for listener in wanted),
        )

    def in_flight(self) -> int:
        """How many requests are being answered."""
        return sum(door.site.in_flight for door in self._doors)

    def connections(self) -> int:
        """How many connections clients have."""
        return sum(door.site.connections() for door in self._doors)

    def urls(self) -> list[str]:
        """Where we are."""
        return [_url(door, port.getHost()) for door in self._doors for port in door.ports]

    def port(self) -> int:
        """The number of the first port."""
        number: int = self._doors[0].ports[0].getHost().port
        return number

    async def close(self) -> None:
        """Take no more connections."""
        for door in self._doors:
            for port in door.ports:
                with suppress(FileNotFoundError):
                    # a unix socket may have been deleted under us
                    await port.stopListening()


def _way(settings: Settings, wanted: Sequence[Listener]) -> Way:
    """How commands on this machine reach us: where there is no socket, as a proxy on it reaches a core."""
    files = parts.core_certificates(settings)
    socket = next((listener.path for listener in wanted if listener.path is not None), None)
    return Way(socket, files.ca, files.certificate, files.key)


def _url(door: Door, address: Any) -> str:
    if door.listener.path is not None:
        return door.listener.url
    return f"{'https' if door.contexts else 'http'}://{address.host}:{address.port}"
