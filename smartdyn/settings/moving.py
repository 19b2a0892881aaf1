"""What becomes of each setting of the Ruby services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from smartdyn.errors import SettingsError
from smartdyn.settings.former import Former, Layout
from smartdyn.settings.load import checked
from smartdyn.settings.schema import TYPES, Settings
from smartdyn.settings.script import mode_problem
from smartdyn.settings.yaml import Entry

_PROCESS = "systemd looks after the process"
_LOG_FORMAT = "the log has a format of its own"
_LOG_ROTATION = "the journal, or logrotate, looks after old lines"
_PULL = "there is no pull mode in this version"

_DROPPED: Final[Mapping[str, str]] = {
    "async_ssh": "scripts always run detached from the connection",
    "cockpit_integration": "there are no cockpit sessions in this version",
    "core_url": "it was where the smart proxy found its core, whose place this service takes",
    "daemon": _PROCESS,
    "daemon_pid": _PROCESS,
    "daemonize": _PROCESS,
    "database": "Dynflow's database cannot be read; this service begins with one of its own",
    "dns_resolv_timeouts": "the system's resolver decides",
    "enabled": "scripts are always on",
    "external_core": "there is nothing to choose: this service is both",
    "file_logging_pattern": _LOG_FORMAT,
    "file_rolling_age": _LOG_ROTATION,
    "file_rolling_keep": _LOG_ROTATION,
    "file_rolling_size": _LOG_ROTATION,
    "local_working_dir": "nothing is written on this machine on the way to a host",
    "mqtt_broker": _PULL,
    "mqtt_port": _PULL,
    "mqtt_rate_limit": _PULL,
    "mqtt_resend_interval": _PULL,
    "mqtt_tls": _PULL,
    "mqtt_ttl": _PULL,
    "pid_file": _PROCESS,
    "runner_refresh_interval": "output is followed as it comes",
    "settings_directory": "the files in it were read",
    "socket_working_dir": "connections are shared without sockets in the file system",
    "ssh_user": "each job says whom to log in as; the Ruby service took no notice of it either",
    "ssl_port": "it is of another service",
    "system_logging_pattern": _LOG_FORMAT,
    "virsh_network": "it is of another module",
}

_MEANT_OTHERWISE: Final = frozenset({"core_url", "database"})
"""Keys that are known here too, and whose former values must not be used."""

_PATHS: Final = frozenset(
    {
        "foreman_ssl_ca",
        "foreman_ssl_cert",
        "foreman_ssl_key",
        "ssh_ca_known_hosts_file",
        "ssh_identity_key_file",
        "ssh_user_ca_public_key_file",
        "ssl_ca_file",
        "ssl_certificate",
        "ssl_private_key",
    }
)
_TO_JOURNAL: Final = frozenset({"SYSLOG", "JOURNAL", "JOURNALD"})


class Fate(Enum):
    """What became of it."""

    TAKEN = "taken"
    CHANGED = "changed"
    ADDED = "added"
    DROPPED = "dropped"
    REFUSED = "refused"
    UNKNOWN = "unknown"

    @property
    def is_written(self) -> bool:
        """Is the setting in the new file?"""
        return self in (Fate.TAKEN, Fate.CHANGED, Fate.ADDED)


@dataclass(frozen=True, slots=True)
class Move:
    """One setting on its way.

    @param value: what is written; nothing for one that is dropped.
    @param place: where it stood.
    @param why: why it is not as it was.
    """

    fate: Fate
    key: str
    value: Any
    place: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    @param by_hand: what is left to do, a sentence each.
    """

    moves: tuple[Move, ...]
    by_hand: tuple[str, ...]

    @property
    def written(self) -> tuple[Move, ...]:
        """Those that are written."""
        return tuple(move for move in self.moves if move.fate.is_written)


def plan(former: Former, home: Path | None) -> Plan:
    """Decide on all of them.

    @param home: the home directory of the account that the Ruby service runs as, when it is known.
    """
    moves = [_move(former, entry, home) for entry in former.entries]
    moves.extend(_added(former))
    return Plan(tuple(moves), tuple(_by_hand(former, moves)))


def _move(former: Former, entry: Entry, home: Path | None) -> Move:
    special = _SPECIAL.get(entry.key)
    if special is not None:
        return special(former, entry)
    if entry.key in _DROPPED and (entry.key not in TYPES or entry.key in _MEANT_OTHERWISE):
        return _dropped(entry, _DROPPED[entry.key])
    if entry.key not in TYPES:
        return Move(Fate.UNKNOWN, entry.key, None, entry.place, "neither service knows this key")
    if entry.value is None:
        return _dropped(entry, "nothing was set")
    if entry.key in _PATHS and isinstance(entry.value, str):
        return _path(former, entry, home)
    return _taken(entry)


def _taken(entry: Entry) -> Move:
    try:
        checked(entry)
    except SettingsError as error:
        return Move(Fate.REFUSED, entry.key, None, entry.place, str(error).removeprefix(f"{entry.place}: "))
    return Move(Fate.TAKEN, entry.key, entry.value, entry.place)


def _dropped(entry: Entry, why: str) -> Move:
    return Move(Fate.DROPPED, entry.key, None, entry.place, why)


def _changed(entry: Entry, value: Any, why: str) -> Move:
    return Move(Fate.CHANGED, entry.key, value, entry.place, why)


def _path(former: Former, entry: Entry, home: Path | None) -> Move:
    """A path that does not depend on who reads it, and from where."""
    text = str(entry.value)
    if text.startswith("~/") and home is not None:
        return _changed(entry, str(home / text[2:]), f"~ was {home}")
    if not text.startswith(("/", "~")):
        whole = str(former.files[0].parent / text)
        return _changed(entry, whole, "it was relative to the former settings")
    return _taken(entry)


def _log_file(former: Former, entry: Entry) -> Move:
    if entry.value in (None, "STDOUT"):
        return _taken(entry) if entry.value else _dropped(entry, "nothing was set")
    if str(entry.value).upper() in _TO_JOURNAL:
        return _changed(entry, "JOURNAL", "journald hands lines on to syslog where that is wanted")
    return _changed(entry, "JOURNAL", f"two services must not write to one file ({entry.value})")


def _mode(former: Former, entry: Entry) -> Move:
    if entry.value == "ssh-async":
        return _changed(entry, "ssh", "scripts always run detached from the connection")
    return _taken(entry)


def _of_core(former: Former, entry: Entry) -> Move:
    """Where a core listens; very old smart proxies had a C{port} as well."""
    return _dropped(entry, "only a core has it") if former.layout is Layout.PROXY else _taken(entry)


def _ssh_log_level(former: Former, entry: Entry) -> Move:
    if entry.value == "warn":
        return _changed(entry, "error", "`warn` was known to the core only")
    return _taken(entry)


_SPECIAL: Final[Mapping[str, Callable[[Former, Entry], Move]]] = {
    "listen": _of_core,
    "log_file": _log_file,
    "mode": _mode,
    "port": _of_core,
    "ssh_log_level": _ssh_log_level,
    "use_https": _of_core,
}


def _added(former: Former) -> Iterator[Move]:
    """What was not written because it was the default there, and is not here."""
    default = "this was the default there"
    if former.layout is Layout.CORE:
        if former.value("execution_plan_cleaner_age") is None:
            yield Move(Fate.ADDED, "execution_plan_cleaner_age", 86400, "", default)
        if former.value("port") is None:
            yield Move(Fate.ADDED, "port", 8008, "", default)
    elif former.value("https_port") is None and former.value("ssl_certificate"):
        yield Move(Fate.ADDED, "https_port", 8443, "", default)


def _by_hand(former: Former, moves: list[Move]) -> Iterator[str]:
    for move in moves:
        if move.fate is Fate.REFUSED:
            yield f"Set `{move.key}` anew, since its value cannot be used ({move.place})."
        if move.fate is Fate.UNKNOWN:
            yield f"See what `{move.key}` was for ({move.place})."
    if former.value("foreman_url") is None:
        yield "Set `foreman_url`: without it, reports go to https://127.0.0.1:3000."
    modes = [move.value for move in moves if move.key == "mode" and isinstance(move.value, str)]
    if modes and (problem := mode_problem(Settings(mode=modes[0]))):
        yield f"{problem}, or keep the Ruby service for the hosts that fetch their jobs."
    if former.value("enabled") is False:
        yield "One of its modules was switched off (`enabled`); here everything is on as long as the service runs."
    if former.layout is Layout.CORE:
        yield "Stop the core: systemctl disable --now smart_proxy_dynflow_core. The smart proxy stays before this one."
    else:
        yield from _of_proxy(former)
    yield "Let running jobs end first; what the Ruby service has begun is not known here."
    yield "Look at everything: smartdyn doctor. Then: systemctl enable --now smartdyn."


def _of_proxy(former: Former) -> Iterator[str]:
    if former.modules:
        port = former.value("https_port") or former.value("http_port") or 8443
        yield (
            f"The smart proxy has other modules ({', '.join(former.modules)}), which this service has not: keep it, "
            f"switch off dynflow and remote_execution_ssh in it, and set a port here that is not {port}."
        )
        yield "Register this service in Foreman as a smart proxy of its own, with that port, and refresh both."
    else:
        yield "Stop the smart proxy: systemctl disable --now foreman-proxy. Foreman finds this one at the same port."
    if former.value("core_url"):
        core = urlsplit(str(former.value("core_url"))).hostname
        yield (
            f"It relayed to a core on {core}. To replace only that core, import its settings instead: "
            "--from /etc/smart_proxy_dynflow_core."
        )
    if former.value("trusted_hosts") is None:
        yield "Set `trusted_hosts` to the names in Foreman's certificate; else any certificate of the CA is let in."
