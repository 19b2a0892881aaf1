"""C{twistd smartdyn}: hands reactor, clock, chance and surroundings to the service; nothing else touches them."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from prometheus_client import disable_created_metrics
from twisted.application.service import MultiService
from twisted.logger import ILogObserver, Logger
from twisted.python import usage

from smartdyn import __version__
from smartdyn.errors import SettingsError, SmartdynError
from smartdyn.front.listeners import KINDS
from smartdyn.garbage import collect_seldom
from smartdyn.log.buffer import LogBuffer
from smartdyn.log.output import LogOutput, make_levels
from smartdyn.metrics.meters import Meters
from smartdyn.reload import Reloader
from smartdyn.service import Smartdyn, Surroundings
from smartdyn.settings import Settings, load_settings
from smartdyn.signals import Signals, show_stacks
from smartdyn.systemd.activation import HandedSockets, handed_sockets, original_environment
from smartdyn.systemd.notify import Notifier
from smartdyn.systemd.unit import Unit
from smartdyn.systemd.watchdog import Watchdog, watchdog_interval

PLUGINS = "smartdyn.plugins"
"""The entry points that plugins register themselves under."""


class Options(usage.Options):
    """The command line of C{twistd smartdyn}."""

    synopsis = "twistd [options] smartdyn --config-dir DIR"
    optParameters: ClassVar[list[list[str]]] = [
        ["config-dir", "c", "/etc/smartdyn", "Directory with settings.yml and settings.d."],
    ]

    def opt_version(self) -> None:
        """Show the version and exit."""
        print(f"smartdyn {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        try:
            self["settings"] = load_settings(Path(self["config-dir"]).absolute())
        except SettingsError as error:
            raise usage.UsageError("the settings cannot be used:\n" + "\n".join(error.problems)) from error


def makeService(options: Any) -> MultiService:
    """The service that the settings describe."""
    from twisted.internet import reactor  # noqa: PLC0415  # importing it installs it, and only twistd may decide when

    try:
        return Application(reactor, options["settings"])
    except SettingsError as error:
        raise SystemExit(f"smartdyn cannot start: {error}") from error


class Application(MultiService):
    """Holds the service, gives twistd its log, and stands between the service and the system that runs it."""

    _log = Logger()

    def __init__(self, reactor: Any, settings: Settings) -> None:
        """
        @raise SettingsError: the log file cannot be written.
        """
        super().__init__()
        # when each series began doubles their number, and nobody asks for it
        disable_created_metrics()
        self._reactor = reactor
        self._settings = settings
        self._meters = Meters()
        self._levels = make_levels(settings)
        self._logs = LogBuffer(size=settings.log_buffer, tail_size=settings.log_buffer_errors)
        self._output = LogOutput(settings, self._logs, self._levels, self._meters.process)
        self._notifier = Notifier.from_environment(os.environ, time.monotonic)

    def setServiceParent(self, parent: Any) -> None:
        # twistd asks the application for its log before it starts anything
        parent.setComponent(ILogObserver, self._output)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Take everything that may be refused, while there is still somebody to tell."""
        try:
            service = Smartdyn(self._settings, self._surroundings(), self._fail)
            service.open()
        except SmartdynError as error:
            print(f"smartdyn cannot start: {error}", file=sys.stderr, flush=True)
            # Threads of a half-opened database must not keep the process from ending
            os._exit(1)
        show_stacks()
        collect_seldom()
        service.setServiceParent(self)
        self._unit(service).setServiceParent(self)
        self._signals(service).setServiceParent(self)
        super().privilegedStartService()

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            reactor=self._reactor,
            now=time.time,
            random=random.random,
            environment=os.environ,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            logs=self._logs,
            levels=self._levels,
            meters=self._meters,
            plugins={found.name: found.load for found in entry_points(group=PLUGINS)},
            handed=HandedSockets(handed_sockets(original_environment(), os.getpid()), KINDS),
        )

    def _unit(self, service: Smartdyn) -> Unit:
        interval = watchdog_interval(os.environ, os.getpid())
        watchdog = Watchdog(self._reactor, interval, service.standing_still, self._notifier.alive) if interval else None
        return Unit(self._reactor, self._notifier, watchdog, service.until_ready, service.summary)

    def _signals(self, service: Smartdyn) -> Signals:
        folder = self._settings.folder
        reloader = Reloader(self._settings, lambda: load_settings(folder), service, self._output, self._notifier)
        return Signals(self._reactor, {signal.SIGHUP: reloader.reload, signal.SIGUSR1: reloader.roll_log})

    def _fail(self, error: BaseException) -> None:
        """The start went wrong after all: say why, stop in good order and end with a status that says so."""
        self._log.critical("smartdyn cannot start: {error}", error=error)
        self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self._reactor.stop()
