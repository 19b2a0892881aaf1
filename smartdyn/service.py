"""The whole service: what it is made of, how it starts and how it stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn import __version__, parts
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
from smartdyn.actions.presentation import load_callback_data
from smartdyn.actions.registry import Registry
from smartdyn.actions.rejected import Rejected
from smartdyn.actions.tasks import Tasks
from smartdyn.aio import deadline
from smartdyn.engine.cleaner import Cleaner
from smartdyn.engine.digester import Digester
from smartdyn.engine.queues import Queues
from smartdyn.engine.recovery import recover
from smartdyn.engine.threads import Threads
from smartdyn.engine.world import LAST_TIMEOUT, TERMINATION_TIMEOUT, World
from smartdyn.foreman.client import ForemanClient
from smartdyn.foreman.outbox import STOP_LIMIT, Outbox
from smartdyn.foreman.tls import ForemanPolicy
from smartdyn.front.doors import Front, Offer
from smartdyn.health.moving import standing_still
from smartdyn.health.readiness import Readiness
from smartdyn.log.buffer import LogBuffer
from smartdyn.log.control import LevelControl
from smartdyn.log.levels import Levels
from smartdyn.metrics.meters import Meters
from smartdyn.model.ids import random_id
from smartdyn.observing.gauges import Gauges
from smartdyn.observing.internals import Inspector
from smartdyn.observing.lag import LagWatch
from smartdyn.observing.parts import Parts
from smartdyn.observing.trends import TrendWatch
from smartdyn.rex.actions import RunScript, ScriptRunnerAction
from smartdyn.rex.hosts import Hosts
from smartdyn.rex.runners import ScriptRunners
from smartdyn.settings import Settings
from smartdyn.store import long_output
from smartdyn.store.database import SqliteDatabase
from smartdyn.store.vault import Vault
from smartdyn.systemd.activation import HandedSockets
from smartdyn.web.expiry import CertificateWatch
from smartdyn.web.own_names import OwnNames
from smartdyn.web.proxy_api import Metrics

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


_TICKET_THREADS = 4
"""They wait for the KDC, and nothing else waits for them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service takes from outside, so that tests can give it something else.

    @param now: the time of day, seconds since the epoch.
    @param random: between 0 and 1.
    @param logs: the last lines of the log.
    @param levels: how important something must be to be logged.
    @param meters: what the service is measured with.
    @param plugins: load, by name, what is called with the service before it starts: it adds actions, launchers and
        resources.
    @param handed: sockets that are open already.
    """

    reactor: Any
    now: Callable[[], float]
    random: Callable[[], float]
    environment: Mapping[str, str]
    hostname: str
    pid: int
    logs: LogBuffer = field(default_factory=LogBuffer)
    levels: Levels = field(default_factory=lambda: Levels("INFO"))
    meters: Meters = field(default_factory=Meters)
    plugins: Mapping[str, Callable[[], Callable[[Smartdyn], None]]] = field(default_factory=dict)
    handed: HandedSockets = field(default_factory=HandedSockets)


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
        self._failures: dict[str, str] = {}

    def open(self) -> None:
        """Take the database, the keys and the port.

        @raise SmartdynError: one of them cannot be had; the text says what to do.
        """
        settings, around = self._settings, self._around
        path = settings.path(settings.database)
        foreman_policy = ForemanPolicy(parts.foreman_certificates(settings))
        self.meters = around.meters
        self.meters.process.build.info(parts.versions())
        self.database = SqliteDatabase(around.reactor, path, self.meters.database)
        self.database.open()
        self.vault = Vault.open(settings.key_file)
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
            meters=self.meters.engine,
        )
        self.watch = CertificateWatch(around.reactor, around.now, parts.own_certificates(settings))
        self.cleaner = Cleaner(around.reactor, around.now, self.database, parts.retention(settings))
        self.digester = Digester(around.reactor, self.database)
        self.levels = LevelControl(around.reactor, around.now, around.levels)
        self.dispatcher = RunnerDispatcher(around.reactor, self.world, self.meters.jobs)
        self.ticket_threads = Threads(around.reactor, _TICKET_THREADS)
        runner_settings = parts.runner_settings(settings, around.environment, self.ticket_threads.call)
        self.hosts = Hosts(
            around.reactor,
            runner_settings,
            around.random,
            meters=self.meters.ssh,
            asked=lambda: self.meters.http.questions,
        )
        self._reach_foreman(foreman_policy)
        self.trends = TrendWatch(around.reactor, self.world, self.hosts, self.outbox)
        self.lag = LagWatch(around.reactor, self.meters.process.reactor_lag.observe, self.trends.late)
        self.readiness = Readiness(
            around.reactor,
            self.database,
            self.outbox,
            self.watch,
            self.world.id,
            has_recovered=lambda: self._is_ready,
            intake=self.world.intake,
        )
        self._provide()
        self._add_plugins()
        self._listen()

    def _reach_foreman(self, policy: ForemanPolicy) -> None:
        """The way back, and what is still to go it."""
        settings, around = self._settings, self._around
        self.foreman = ForemanClient(
            around.reactor,
            settings.foreman_url,
            policy,
            lambda body: long_output.stream(self.database, body),
        )
        self.outbox = Outbox(
            around.reactor,
            around.now,
            around.random,
            self.database,
            self.foreman,
            lambda plan_id, action_id: load_callback_data(self.world, plan_id, action_id),
            self.meters.outbox,
        )

    def use(self, settings: Settings) -> None:
        """Go on with other settings, as far as they can change while the service runs (L{smartdyn.reload}).

        @raise SettingsError: they cannot be used; everything stays as it was.
        """
        policy = ForemanPolicy(parts.foreman_certificates(settings))
        serve = self.front.prepare(settings)
        runner_settings = parts.runner_settings(settings, self._around.environment, self.ticket_threads.call)
        self._settings = settings
        self.foreman.use(settings.foreman_url, policy)
        self.hosts.settings = runner_settings
        self.cleaner.retention = parts.retention(settings)
        self.watch.files = parts.own_certificates(settings)
        serve()

    async def summary(self) -> str:
        """In one line, what is being done now."""
        backlog = await self.outbox.backlog()
        jobs, plans, waiting = self.dispatcher.running(), len(self.world.running()), backlog.counts.get("pending", 0)
        return f"{jobs} jobs on hosts, {plans} tasks in all, {waiting} callbacks wait for Foreman"

    def _add_plugins(self) -> None:
        """A plugin that is broken is reported, and keeps nobody else from working."""
        for name, load in self._around.plugins.items():
            try:
                load()(self)
            except Exception as error:
                self._failures[name] = f"{type(error).__name__}: {error}"
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
        self.digester.startService()
        self.watch.startService()
        self.lag.startService()
        self.trends.startService()
        self._is_ready = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        self._log.info(
            "smartdyn {version} is ready on {urls}, database {database}",
            version=__version__,
            urls=" and ".join(self.front.urls()),
            database=str(self._settings.path(self._settings.database)),
        )

    async def _stop(self) -> None:
        """Take no more requests, leave jobs running on their hosts, and write down what is left."""
        await self._end("listening", Deferred.fromCoroutine(self.front.close()))
        self.levels.stop()
        if self.watch.running:
            await self._end("the watch over certificates", self.watch.stopService())
            self.lag.stopService()
            await self._end("looking how much there is to do", self.trends.stopService())
        await self._end("jobs", self.dispatcher.stop())
        await self._end("connections to hosts", self.hosts.stop())
        if self.outbox.running:
            await self._end("callbacks", self.outbox.stopService(), STOP_LIMIT + LAST_TIMEOUT)
            await self._end("cleaning up", self.cleaner.stopService())
            await self._end("looking at tasks that are over", self.digester.stopService())
        await self._end("connections to Foreman", self.foreman.close())
        await self._end("tasks", Deferred.fromCoroutine(self.world.stop()), TERMINATION_TIMEOUT + 2 * LAST_TIMEOUT)
        self.threads.stop()
        self.ticket_threads.stop()
        await self.database.close()
        self._log.info("smartdyn has stopped")

    async def _end(self, part: str, ending: Deferred[Any], limit: float = LAST_TIMEOUT) -> None:
        """Wait for the end of a part, but not for ever: one that goes wrong keeps no other from being stopped."""
        try:
            await deadline(self._around.reactor, limit, f"the end of {part}", ending)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("{part}: not stopped in good order", part=part)

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
        self.world.provide(ScriptRunners, ScriptRunners(self.hosts, parts.simulation(self._around.environment)))

    def _listen(self) -> None:
        tasks = Tasks(
            self.world,
            self.launchers,
            self._single,
            self.passwords,
            self.dispatcher.notes,
            self.digester,
            self.readiness.look,
            self.cleaner,
        )
        around = self._around
        own_names = OwnNames(around.hostname)
        http = self.meters.http
        self.front = Front(
            self._settings, around.reactor, around.now, around.logs, self._failures, around.handed, http, own_names
        )
        looked_at = self._parts()
        gauges = Gauges(self.meters, looked_at)
        inspector = Inspector(looked_at, around.hostname, around.pid)
        metrics = Metrics(self.meters.registry, gauges.refresh)
        self.front.open(
            Offer(tasks, metrics, self.levels, inspector, self.readiness.look, self.standing_still, self.until_ready)
        )

    def _parts(self) -> Parts:
        threads = {"actions": self.threads.pool, "tickets": self.ticket_threads.pool}
        return Parts(
            reactor=self._around.reactor,
            settings=lambda: self._settings,
            database=self.database,
            world=self.world,
            dispatcher=self.dispatcher,
            hosts=self.hosts,
            outbox=self.outbox,
            watch=self.watch,
            trends=self.trends,
            front=self.front,
            readiness=self.readiness,
            threads={"reactor": self._around.reactor.getThreadPool(), **threads},
            spawners={
                "engine": self.world.spawner,
                "jobs": self.dispatcher.spawner,
                "outbox": self.outbox.spawner,
                "ssh": self.hosts.spawner,
                "cleaner": self.cleaner.spawner,
                "digester": self.digester.spawner,
                "certificates": self.watch.spawner,
                "trends": self.trends.spawner,
            },
        )

    def standing_still(self) -> list[str]:
        """What does not move any more, so that a watchdog should restart the service; nothing when all is well."""
        return standing_still(self.database, self.outbox)
