"""The whole service: what it is made of, how it starts and how it stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from smartdyn import __version__
from smartdyn.actions.action import Action
from smartdyn.actions.batch import Batch
from smartdyn.actions.callback import Callback, CallbackSender
from smartdyn.actions.dispatcher import RunnerDispatcher
from smartdyn.actions.group import (
    BatchCallback,
    BatchRunner,
    GroupRunners,
    OutputCollector,
    RunnerFactory,
    SingleRunnerBatch,
)
from smartdyn.actions.group_launcher import GroupLauncher
from smartdyn.actions.launchers import BatchLauncher, Launchers, SingleLauncher
from smartdyn.actions.passwords import OneTimePasswords
from smartdyn.actions.registry import Registry
from smartdyn.actions.rejected import Rejected
from smartdyn.actions.tasks import Tasks, load_callback_data
from smartdyn.engine.cleaner import Cleaner, Retention
from smartdyn.engine.queues import Queues
from smartdyn.engine.recovery import recover
from smartdyn.engine.threads import Threads
from smartdyn.engine.world import World
from smartdyn.errors import SettingsError, SmartdynError
from smartdyn.foreman.client import make_client
from smartdyn.foreman.outbox import Outbox
from smartdyn.foreman.tls import ForemanCertificates, ForemanPolicy
from smartdyn.listeners import Listener, listeners
from smartdyn.metrics import ServiceMetrics
from smartdyn.model.ids import random_id
from smartdyn.rex.actions import RunScript, ScriptRunnerAction
from smartdyn.rex.hosts import Hosts
from smartdyn.rex.runners import ScriptRunners, simulation_from
from smartdyn.rex.settings import RunnerSettings
from smartdyn.settings import Settings
from smartdyn.ssh import Deadlines
from smartdyn.store import callbacks
from smartdyn.store.database import SqliteDatabase
from smartdyn.store.vault import Vault
from smartdyn.web.api import TaskApi
from smartdyn.web.console.views import Console
from smartdyn.web.expiry import CertificateWatch
from smartdyn.web.forward import Forwarder
from smartdyn.web.names import HostNames
from smartdyn.web.proxy_api import ProxyApi, ProxyFacts
from smartdyn.web.root import make_app
from smartdyn.web.site import LimitedSite
from smartdyn.web.tls import ReloadingContextFactory

ACTIONS: tuple[type[Action], ...] = (
    Batch,
    BatchCallback,
    BatchRunner,
    Callback,
    OutputCollector,
    Rejected,
    RunScript,
    ScriptRunnerAction,
    SingleRunnerBatch,
)


_CORE_CONNECT = 10.0
"""Seconds until a core elsewhere must have taken a connection."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service takes from outside, so that tests can give it something else.

    @param now: the time of day, seconds since the epoch.
    @param random: between 0 and 1.
    @param plugins: load, by name, what is called with the service before it starts: it adds actions, launchers and
        resources.
    """

    reactor: Any
    now: Callable[[], float]
    random: Callable[[], float]
    environment: Mapping[str, str]
    hostname: str
    pid: int
    plugins: Mapping[str, Callable[[], Callable[[Smartdyn], None]]] = field(default_factory=dict)


class Smartdyn(Service):
    """Everything put together.

    Started in two parts: L{open} takes what may be refused (database, keys, port) and raises if it is; then, with the
    reactor running, unfinished work goes on and requests are answered.
    """

    _log = Logger()

    def __init__(self, settings: Settings, surroundings: Surroundings, failed: Callable[[BaseException], None]) -> None:
        """
        @param failed: called when the second part of the start goes wrong.
        """
        self._settings = settings
        self._around = surroundings
        self._failed = failed
        self._waiting: list[Deferred[None]] = []
        self._is_ready = False
        self.ports: list[Any] = []

    def open(self) -> None:
        """Take the database, the keys and the port.

        @raise SmartdynError: one of them cannot be had; the text says what to do.
        """
        settings, around = self._settings, self._around
        path = settings.path(settings.database)
        key_file = settings.path(settings.secrets_key_file) if settings.secrets_key_file else Path(f"{path}.key")
        foreman_policy = ForemanPolicy(_foreman_certificates(settings))
        self.database = SqliteDatabase(around.reactor, path)
        self.database.open()
        self.vault = Vault.open(key_file)
        self.registry = Registry(ACTIONS)
        queues = Queues(settings.queue_sizes)
        self.threads = Threads(around.reactor, sum(settings.queue_sizes.values()))
        self.world = World(
            around.reactor,
            around.now,
            random_id,
            self.database,
            self.vault,
            self.registry,
            queues=queues,
            in_thread=self.threads.call,
        )
        self.watch = CertificateWatch(around.reactor, around.now, _own_certificates(settings))
        self.cleaner = Cleaner(around.reactor, around.now, self.database, _retention(settings))
        self.dispatcher = RunnerDispatcher(around.reactor, self.world)
        self.hosts = Hosts(around.reactor, _runner_settings(settings), around.random)
        self.foreman = make_client(around.reactor, settings.foreman_url, foreman_policy)
        self.outbox = Outbox(
            around.reactor,
            around.now,
            around.random,
            self.database,
            self.foreman,
            lambda plan_id, action_id: load_callback_data(self.world, plan_id, action_id),
        )
        self._provide()
        self._add_plugins()
        self._listen()

    def _add_plugins(self) -> None:
        """A plugin that is broken is reported, and keeps nobody else from working."""
        for name, load in self._around.plugins.items():
            try:
                load()(self)
            except Exception:
                self._log.failure(
                    "the plugin {name} cannot be used, so what it provides is missing; repair or remove it", name=name
                )

    def startService(self) -> None:
        super().startService()
        Deferred.fromCoroutine(self._go()).addErrback(self._start_failed)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def add_group(
        self, operation: str, make_runner: RunnerFactory, launcher: type[GroupLauncher] = GroupLauncher
    ) -> None:
        """Offer an operation in which one runner works for many hosts."""
        self._group_runners[operation] = make_runner
        self.launchers.register(operation, launcher(self.world, self.vault, operation))

    def _start_failed(self, failure: Failure) -> None:
        self._failed(failure.value or RuntimeError("unknown"))

    async def _go(self) -> None:
        """Go on with unfinished work, then let requests in."""
        if self._settings.without_effect:
            self._log.warn(
                "these settings have no effect in this version: {settings}",
                settings=", ".join(self._settings.without_effect),
            )
        await self.world.start(self._around.hostname, self._around.pid)
        await recover(self.world)
        self.outbox.startService()
        self.cleaner.startService()
        self.watch.startService()
        self._is_ready = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        self._log.info(
            "smartdyn {version} is ready on {urls}, database {database}",
            version=__version__,
            urls=" and ".join(map(_url, self.ports)),
            database=str(self._settings.path(self._settings.database)),
        )

    async def _stop(self) -> None:
        """Take no more requests, leave jobs running on their hosts, and write down what is left."""
        for port in self.ports:
            await port.stopListening()
        if self.watch.running:
            await self.watch.stopService()
        await self.dispatcher.stop()
        if self.outbox.running:
            await self.outbox.stopService()
            await self.cleaner.stopService()
        await self.foreman.close()
        await self.world.stop()
        self.threads.stop()
        await self.database.close()
        self._log.info("smartdyn has stopped")

    async def until_ready(self) -> None:
        """Requests that come early wait, rather than being told that a task is unknown."""
        if not self._is_ready:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def _provide(self) -> None:
        """Offer the operations, and what actions may use."""
        self.passwords = OneTimePasswords(self.database, self.vault, self._around.now)
        self.launchers = Launchers()
        self._group_runners: dict[str, RunnerFactory] = {}
        self.world.provide(GroupRunners, GroupRunners(self._group_runners))
        self._single = SingleLauncher(self.world, self.vault)
        self.launchers.register("single", self._single)
        self.launchers.register("ssh", BatchLauncher(self.world, self.vault))
        self.world.provide(RunnerDispatcher, self.dispatcher)
        self.world.provide(OneTimePasswords, self.passwords)
        self.world.provide(CallbackSender, CallbackSender(self.outbox.notify))
        self.world.provide(ScriptRunners, ScriptRunners(self.hosts, _simulation(self._around.environment)))

    def _listen(self) -> None:
        around = self._around
        tasks = Tasks(self.world, self.launchers, self._single, self.passwords)
        names = HostNames(around.reactor, forward_verify=self._settings.forward_verify)
        metrics = CollectorRegistry()
        metrics.register(ServiceMetrics(self.database, self.world, self.dispatcher, self.watch))
        for listener in listeners(self._settings, names.name_of):
            forwarder = self._forwarder(listener)
            console = Console(tasks, listener.policy, around.now)
            api = TaskApi(tasks, listener.policy, behind_proxy=listener.is_core)
            operations = forwarder.operations if forwarder else None
            proxy = ProxyApi(self._facts(tasks), listener.policy, metrics, self._problems, operations)
            if forwarder is None:
                app = make_app([*api.routes(), *console.routes()], proxy, self.until_ready, listener.prefixes)
            else:
                app = make_app(forwarder.routes(), proxy, self.until_ready, ("",))
            self.ports.append(self._open_port(listener, LimitedSite(app.resource(), around.reactor, __version__)))
            if listener.is_pointless:
                self._log.warn(
                    "{url} has neither TLS nor `trusted_hosts`, so everybody but this machine is turned away there",
                    url=listener.url,
                )

    def _forwarder(self, listener: Listener) -> Forwarder | None:
        """Who relays what comes to this listener to a core elsewhere, if somebody does."""
        settings, reactor = self._settings, self._around.reactor
        if settings.core_url is None or listener.is_core:
            return None
        certificates = ForemanPolicy(_core_certificates(settings))
        pool = HTTPConnectionPool(reactor, persistent=False)
        agent = Agent(reactor, certificates, connectTimeout=_CORE_CONNECT, pool=pool)
        return Forwarder(reactor, agent, settings.core_url, listener.policy)

    def _open_port(self, listener: Listener, site: LimitedSite) -> Any:
        reactor, interface = self._around.reactor, listener.interface
        try:
            if listener.tls is None:
                return reactor.listenTCP(listener.port, site, interface=interface)
            return reactor.listenSSL(listener.port, site, ReloadingContextFactory(listener.tls), interface=interface)
        except CannotListenError as error:
            raise SettingsError([f"Cannot listen on {listener.url}: {error.socketError}. Set another port."]) from error

    def _facts(self, tasks: Tasks) -> ProxyFacts:
        settings = self._settings
        key = settings.path(settings.ssh_identity_key_file)
        public = key.with_name(f"{key.name}.pub")
        capabilities: dict[str, Sequence[str]] = {"dynflow": tasks.operations(), "logs": ()}
        failed: dict[str, str] = {}
        if key.exists() and public.exists():
            capabilities["script"] = ()
        else:
            failed["script"] = (
                f"SSH private key file {key} doesn't exist. "
                f"You can generate one with `ssh-keygen -t rsa -b 4096 -f {key} -N ''`"
            )
            self._log.warn("remote execution has no key of its own: {reason}", reason=failed["script"])
        ca = settings.ssh_user_ca_public_key_file
        return ProxyFacts(__version__, capabilities, failed, public, settings.path(ca) if ca else None)

    async def _problems(self) -> list[str]:
        """Why the service cannot do its work now."""
        try:
            await self.database.query(callbacks.counts)
        except SmartdynError as error:
            return [str(error)]
        return self.watch.problems() if self._is_ready else ["The service is starting."]


def _foreman_certificates(settings: Settings) -> ForemanCertificates:
    def path(first: str | None, second: str | None) -> Path | None:
        value = first or second
        return settings.path(value) if value else None

    return ForemanCertificates(
        ca=path(settings.foreman_ssl_ca, settings.ssl_ca_file),
        certificate=path(settings.foreman_ssl_cert, settings.ssl_certificate),
        key=path(settings.foreman_ssl_key, settings.ssl_private_key),
    )


def _runner_settings(settings: Settings) -> RunnerSettings:
    key = settings.path(settings.ssh_identity_key_file)
    strict = settings.ssh_ca_known_hosts_file
    return RunnerSettings(
        known_hosts=settings.path(settings.ssh_known_hosts_file),
        identity_key=key if key.exists() else None,
        strict_known_hosts=settings.path(strict) if strict else None,
        remote_working_dir=settings.remote_working_dir,
        cleanup_working_dirs=settings.cleanup_working_dirs,
        deadlines=Deadlines(connect=settings.ssh_connect_timeout),
        kill_grace=settings.kill_grace,
        kill_limit=settings.kill_limit,
        reconnect_limit=settings.reconnect_limit,
        connections_at_once=settings.ssh_connections_at_once,
    )


def _core_certificates(settings: Settings) -> ForemanCertificates:
    """The core knows us by the certificate that Foreman knows us by (SPD021 C{foreman_ssl_cert})."""
    foreman = _foreman_certificates(settings)
    ca = settings.path(settings.ssl_ca_file) if settings.ssl_ca_file else foreman.ca
    return ForemanCertificates(ca, foreman.certificate, foreman.key)


def _url(port: Any) -> str:
    address = port.getHost()
    scheme = "https" if "TLS" in type(port).__name__ or port._type == "TLS" else "http"
    return f"{scheme}://{address.host}:{address.port}"


def _own_certificates(settings: Settings) -> list[Path]:
    chosen = (settings.ssl_certificate, settings.foreman_ssl_cert)
    return [settings.path(path) for path in dict.fromkeys(chosen) if path is not None]


def _retention(settings: Settings) -> Retention:
    return Retention(
        age=settings.execution_plan_cleaner_age or None,
        size=settings.database_size_limit * 1024 * 1024 or None,
        archive=settings.path(settings.backup_dir) if settings.backup_deleted_plans else None,
    )


def _simulation(environment: Mapping[str, str]) -> Any:
    try:
        return simulation_from(environment)
    except (OSError, ValueError) as error:
        raise SettingsError([f"REX_SIMULATE: {error}"]) from error
