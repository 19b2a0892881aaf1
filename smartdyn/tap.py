"""C{twistd smartdyn}: hands reactor, clock, chance and surroundings to the service; nothing else touches them."""

from __future__ import annotations

import os
import random
import socket
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from prometheus_client import disable_created_metrics
from twisted.application.service import MultiService
from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.python import usage

from smartdyn import __version__
from smartdyn.errors import SettingsError, SmartdynError
from smartdyn.log import LEVELS, observer
from smartdyn.log_buffer import LogBuffer
from smartdyn.service import Smartdyn, Surroundings
from smartdyn.settings import Settings, load_settings

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

    return Application(reactor, options["settings"])


class Application(MultiService):
    """Holds the service and gives twistd its log."""

    _log = Logger()

    def __init__(self, reactor: Any, settings: Settings) -> None:
        super().__init__()
        # when each series began doubles their number, and nobody asks for it
        disable_created_metrics()
        self._reactor = reactor
        self._settings = settings
        self._logs = LogBuffer(
            LEVELS[settings.log_level], size=settings.log_buffer, tail_size=settings.log_buffer_errors
        )

    def setServiceParent(self, parent: Any) -> None:
        # twistd asks the application for its log before it starts anything
        written = observer(self._settings.log_file, self._settings.log_level)
        parent.setComponent(ILogObserver, LogPublisher(written, self._logs))
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Take everything that may be refused, while there is still somebody to tell."""
        service = Smartdyn(
            self._settings,
            Surroundings(
                reactor=self._reactor,
                now=time.time,
                random=random.random,
                environment=os.environ,
                hostname=socket.gethostname(),
                pid=os.getpid(),
                logs=self._logs,
                plugins={found.name: found.load for found in entry_points(group=PLUGINS)},
            ),
            self._fail,
        )
        try:
            service.open()
        except SmartdynError as error:
            print(f"smartdyn cannot start: {error}", file=sys.stderr, flush=True)
            # Threads of a half-opened database must not keep the process from ending
            os._exit(1)
        service.setServiceParent(self)
        super().privilegedStartService()

    def _fail(self, error: BaseException) -> None:
        """The start went wrong after all: say why, stop in good order and end with a status that says so."""
        self._log.critical("smartdyn cannot start: {error}", error=error)
        self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self._reactor.stop()
