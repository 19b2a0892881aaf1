"""Takes over changed settings while the service runs, without dropping a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from twisted.logger import Logger

from smartdyn.errors import SettingsError
from smartdyn.log.output import LogOutput, open_log
from smartdyn.settings import Settings
from smartdyn.settings.schema import TYPES
from smartdyn.systemd.notify import Notifier

NEED_RESTART: Final = frozenset(
    {
        "bind_host",
        "database",
        "http_port",
        "https_port",
        "listen",
        "log_buffer",
        "log_buffer_errors",
        "port",
        "queue_sizes",
        "secrets_key_file",
        "socket",
        "ssh_ca_known_hosts_file",
        "ssh_config_file",
        "ssh_connections_at_once_in_all",
        "ssh_keep_connection",
        "ssh_known_hosts_file",
        "ssh_sessions_per_connection",
        "use_https",
    }
)
"""Settings that count from the next start on; all others count from a reload on."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a reload makes of settings.

    @param settings: what is in force then.
    @param applied: the names of those that change.
    @param waiting: the names of those that change with the next start.
    """

    settings: Settings
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


def compare(running: Settings, wanted: Settings) -> Change:
    """The difference between the settings in force and those that were read."""
    changed = [key for key in TYPES if _stands(running, key) != _stands(wanted, key)]
    kept = {key: getattr(running, key) for key in NEED_RESTART}
    given = (wanted.given - NEED_RESTART) | (running.given & NEED_RESTART)
    return Change(
        replace(wanted, **kept, given=given),
        tuple(key for key in changed if key not in NEED_RESTART),
        tuple(key for key in changed if key in NEED_RESTART),
    )


def _stands(settings: Settings, key: str) -> tuple[Any, bool]:
    """A port that is given opens a listener, also with its default value."""
    return getattr(settings, key), key == "port" and key in settings.given


class Reloadable(Protocol):
    """A service that can go on with other settings."""

    def use(self, settings: Settings) -> None:
        """
        @raise SettingsError: they cannot be used; everything stays as it was.
        """


class Reloader:
    """Does what C{SIGHUP} and C{SIGUSR1} ask for."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        service: Reloadable,
        output: LogOutput,
        notifier: Notifier,
    ) -> None:
        """
        @param load: reads the settings again.
        """
        self._settings = settings
        self._load = load
        self._service = service
        self._output = output
        self._notifier = notifier

    def reload(self) -> None:
        """Take over settings, certificates and log file; what cannot be used changes nothing."""
        self._notifier.reloading()
        try:
            change = compare(self._settings, self._load())
            written = open_log(change.settings)
            self._service.use(change.settings)
        except SettingsError as error:
            self._log.error("nothing was reloaded, the former settings stay in force: {error}", error=error)
        else:
            self._settings = change.settings
            self._output.use(written, change.settings)
            self._say(change)
        finally:
            self._notifier.ready()

    def roll_log(self) -> None:
        """Go on in a new log file, when the old one has been moved away; the words are the smart proxy's."""
        try:
            self._output.use(open_log(self._settings), self._settings)
        except SettingsError as error:
            self._log.error("the log file was not reopened: {error}", error=error)
        else:
            self._log.info("Logging file reopened via USR1 signal")

    def _say(self, change: Change) -> None:
        self._log.info(
            "settings, certificates and log file have been reloaded; changed: {names}",
            names=", ".join(change.applied) or "nothing",
        )
        if change.waiting:
            self._log.warn(
                "these settings have changed too, and count only after a restart: {names}",
                names=", ".join(change.waiting),
            )
