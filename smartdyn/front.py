"""Everything that listens, and what it serves to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.web.client import Agent, HTTPConnectionPool

from smartdyn import __version__, parts
from smartdyn.actions.tasks import Tasks
from smartdyn.errors import SettingsError
from smartdyn.foreman.tls import ForemanPolicy
from smartdyn.listeners import Listener, listeners
from smartdyn.log_buffer import LogBuffer
from smartdyn.settings import Settings
from smartdyn.settings.script import script_problem
from smartdyn.web.api import TaskApi
from smartdyn.web.console.views import Console
from smartdyn.web.forward import Forwarder
from smartdyn.web.host_keys import HostKeyApi
from smartdyn.web.logs import LogApi
from smartdyn.web.names import HostNames
from smartdyn.web.openapi import OpenApi
from smartdyn.web.proxy_api import Metrics, ProxyApi, ProxyFacts
from smartdyn.web.root import make_app
from smartdyn.web.site import LimitedSite
from smartdyn.web.tls import ReloadingContextFactory

_CORE_CONNECT = 10.0
"""Seconds until a core elsewhere must have taken a connection."""


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
    ) -> None:
        """
        @param now: the time of day, seconds since the epoch.
        @param failures: why modules that should run do not, by name.
        """
        self._settings = settings
        self._reactor = reactor
        self._now = now
        self._logs = logs
        self._failures = failures
        self._ports: list[tuple[Listener, Any]] = []

    def open(
        self,
        tasks: Tasks,
        metrics: Metrics,
        problems: Callable[[], Awaitable[Sequence[str]]],
        until_ready: Callable[[], Awaitable[None]],
    ) -> None:
        """Take all ports.

        @param problems: why the service cannot do its work; nothing when it can.
        @param until_ready: requests for tasks wait for this.
        @raise SettingsError: one cannot be had, or files for TLS cannot be used.
        """
        names = HostNames(self._reactor, forward_verify=self._settings.forward_verify)
        wanted = listeners(self._settings, names.name_of)
        facts = self._facts(tasks, wanted)
        keys = parts.host_keys(self._settings)
        for listener in wanted:
            forwarder = self._forwarder(listener)
            console = Console(tasks, self._now, self._reactor, keys)
            api = TaskApi(tasks, behind_proxy=listener.is_core)
            operations = forwarder.operations if forwarder else None
            proxy = ProxyApi(facts, metrics, problems, operations)
            logs = LogApi(self._logs, lambda: self._failures)
            host_keys = HostKeyApi(tasks.control, keys.forget)
            about = [*proxy.routes(), *logs.routes(), *host_keys.routes()]
            dynflow = [*api.routes(), *console.routes()]
            about.extend(OpenApi(__version__, [("", about), (listener.prefixes[0], dynflow)]).routes())
            if forwarder is None:
                app = make_app(dynflow, about, until_ready, listener.prefixes, listener.policy)
            else:
                app = make_app(forwarder.routes(), about, until_ready, ("",), listener.policy)
            site = LimitedSite(app.resource(), self._reactor, __version__)
            self._ports.append((listener, self._open_port(listener, site)))
            if listener.is_pointless:
                self._log.warn(
                    "{url} has neither TLS nor `trusted_hosts`, so everybody but this machine is turned away there",
                    url=listener.url,
                )

    def _forwarder(self, listener: Listener) -> Forwarder | None:
        """Who relays what comes to this listener to a core elsewhere, if somebody does."""
        settings, reactor = self._settings, self._reactor
        if settings.core_url is None or listener.is_core:
            return None
        certificates = ForemanPolicy(parts.core_certificates(settings))
        pool = HTTPConnectionPool(reactor, persistent=False)
        agent = Agent(reactor, certificates, connectTimeout=_CORE_CONNECT, pool=pool)
        return Forwarder(reactor, agent, settings.core_url, listener.policy)

    def _open_port(self, listener: Listener, site: LimitedSite) -> Any:
        reactor, interface = self._reactor, listener.interface
        try:
            if listener.tls is None:
                return reactor.listenTCP(listener.port, site, interface=interface)
            return reactor.listenSSL(listener.port, site, ReloadingContextFactory(listener.tls), interface=interface)
        except CannotListenError as error:
            raise SettingsError([f"Cannot listen on {listener.url}: {error.socketError}. Set another port."]) from error

    def _facts(self, tasks: Tasks, wanted: Sequence[Listener]) -> ProxyFacts:
        settings = self._settings
        key = settings.path(settings.ssh_identity_key_file)
        public = key.with_name(f"{key.name}.pub")
        capabilities: dict[str, Sequence[str]] = {"dynflow": tasks.operations(), "logs": ()}
        failed: dict[str, str] = self._failures
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
            http=any(listener.tls is None for listener in wanted),
            https=any(listener.tls is not None for listener in wanted),
        )

    def urls(self) -> list[str]:
        """Where we are."""
        found = []
        for listener, port in self._ports:
            address = port.getHost()
            found.append(f"{'https' if listener.tls else 'http'}://{address.host}:{address.port}")
        return found

    def port(self) -> int:
        """The number of the first port."""
        number: int = self._ports[0][1].getHost().port
        return number

    async def close(self) -> None:
        """Take no more connections."""
        for _, port in self._ports:
            await port.stopListening()
