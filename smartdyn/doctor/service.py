"""Checks of the running service and of its unit."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from smartdyn import __version__
from smartdyn.doctor import sockets
from smartdyn.doctor.context import UNIT, Context
from smartdyn.doctor.network import wanted
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning

_MANY_RESTARTS = 3
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def _state(context: Context) -> Verdict:
    unit = context.unit
    state, load = unit.get("ActiveState", ""), unit.get("LoadState", "")
    if load == "masked":
        return error(f"{UNIT} is masked, so it cannot be started.", "systemctl unmask smartdyn")
    if load != "loaded":
        return not_applicable("There is no unit, or no systemd.")
    if state == "failed":
        return error(
            f"{UNIT} has failed ({unit.get('Result', 'unknown')}, status {unit.get('ExecMainStatus', '?')}).",
            "journalctl -u smartdyn -n 50 says why; then systemctl restart smartdyn",
        )
    if state == "activating":
        return warning(f"{UNIT} is being started, or started again and again.", "journalctl -u smartdyn -n 50")
    return ok(f"{UNIT} is {state}.")


def _enabled(context: Context) -> Verdict:
    unit = context.unit
    state, enabled = unit.get("ActiveState"), unit.get("UnitFileState")
    if unit.get("LoadState") != "loaded" or enabled not in {"enabled", "disabled"}:
        return not_applicable("There is no unit, or it is neither enabled nor disabled.")
    if state == "active" and enabled == "disabled":
        return warning(f"{UNIT} runs, and will not after the next boot.", "systemctl enable smartdyn")
    return ok(f"{UNIT} is {enabled}.")


def _restarts(context: Context) -> Verdict:
    count = context.unit.get("NRestarts", "")
    if not count.isdigit():
        return not_applicable("There is no unit, or no systemd.")
    if int(count) > _MANY_RESTARTS:
        return warning(
            f"systemd has restarted {UNIT} {count} times.", "journalctl -u smartdyn -p warning says what ended it."
        )
    return ok("It was not restarted again and again.")


def _fresh(context: Context) -> Verdict:
    if context.unit.get("NeedDaemonReload") == "yes":
        return warning("Files of the unit have changed since systemd has read them.", "systemctl daemon-reload")
    drop_ins = context.unit.get("DropInPaths", "").split()
    return ok(f"Drop-ins: {', '.join(drop_ins)}." if drop_ins else "systemd knows the unit as it is.")


def _watchdog(context: Context) -> Verdict:
    unit = context.unit
    if unit.get("ActiveState") != "active" or unit.get("Type") not in {"notify", "notify-reload"}:
        return not_applicable("No unit runs that tells systemd how it is.")
    if unit.get("WatchdogUSec", "0") in {"0", "infinity"}:
        return warning(
            "The watchdog is off: a service that hangs is not restarted.",
            "Remove WatchdogSec=0 from the drop-in (systemctl edit smartdyn).",
        )
    return ok(f"systemd restarts it when it has not moved for {unit['WatchdogUSec']}.")


def _sandbox(context: Context) -> Verdict:
    """The unit may let the service write in few places only (systemd.exec(5)); modes of files say nothing of that."""
    if context.unit.get("ProtectSystem") != "strict":
        return not_applicable("The unit does not keep the service from writing.")
    given = [Path(each.lstrip("-+")) for each in context.unit.get("ReadWritePaths", "").split()]
    open_to_it = [_real(each) for each in (*context.made_at_start, *given)]
    for name, path in _written(context):
        place = _real(path)
        if not any(place == each or each in place.parents for each in open_to_it):
            return error(
                f"The unit does not let the service write to {place} (`{name}`).",
                f"systemctl edit smartdyn: [Service] ReadWritePaths={place if path.is_dir() else place.parent}",
            )
    if context.unit.get("ProtectHome") not in (None, "", "no"):
        for name, path in _read(context):
            if any(each in _real(path).parents for each in _HOMES):
                return error(
                    f"The unit hides {path} ({name}) from the service (ProtectHome).",
                    "Move it below /var/lib/foreman-proxy, or systemctl edit smartdyn: [Service] ProtectHome=no",
                )
    return ok("The unit lets the service write where it has to.")


def _written(context: Context) -> Iterator[tuple[str, Path]]:
    settings = context.settings
    yield "database", context.database.parent
    if not settings.ssh_ca_known_hosts_file:
        yield "ssh_known_hosts_file", context.path(settings.ssh_known_hosts_file)
    if settings.log_path is not None:
        yield "log_file", context.path(settings.log_file)
    if settings.backup_deleted_plans:
        yield "backup_dir", context.path(settings.backup_dir)
    if settings.socket:
        yield "socket", context.path(settings.socket)


def _read(context: Context) -> Iterator[tuple[str, Path]]:
    settings = context.settings
    yield "`ssh_identity_key_file`", context.path(settings.ssh_identity_key_file)
    yield "`ssh_config_file`", context.path(settings.ssh_config_file)
    if agent := context.environment.get("SSH_AUTH_SOCK"):
        yield "SSH_AUTH_SOCK", Path(agent)


def _real(path: Path) -> Path:
    """Where symbolic links lead: that is what counts."""
    return Path(os.path.realpath(path))


def _ready(context: Context) -> Verdict:
    if not context.is_up:
        return not_applicable("The service is down.")
    try:
        status, body = _ask(context, "/health/ready")
    except (OSError, HTTPException) as problem:
        elsewhere = sockets.ports_of(context.root, context.pid or 0)
        if elsewhere and not elsewhere & {place.port for place in wanted(context.settings)}:
            ports = ", ".join(map(str, sorted(elsewhere)))
            return error(
                f"The service listens on {ports}; the settings say otherwise by now.", "systemctl restart smartdyn"
            )
        return error(
            f"The service runs (pid {context.pid}) and does not answer: {str(problem) or type(problem).__name__}.",
            "journalctl -u smartdyn -n 50; if it hangs, systemctl restart smartdyn",
        )
    if status == 200:
        return ok("The service is ready.")
    reasons = body.get("reasons") or [f"it answers with {status}"]
    return error(
        f"The service is not ready: {'; '.join(map(str, reasons)).rstrip('.')}.", "See what the other checks say of it."
    )


def _version(context: Context) -> Verdict:
    if not context.is_up:
        return not_applicable("The service is down.")
    try:
        _, body = _ask(context, "/version")
    except (OSError, HTTPException):
        return not_applicable("The service does not answer.")
    running = body.get("version")
    if running and running != __version__:
        return warning(f"Version {running} runs, and {__version__} is installed.", "systemctl restart smartdyn")
    return ok(f"Version {__version__}.")


def _ask(context: Context, path: str) -> tuple[int, dict[str, Any]]:
    """Ask the service itself; its certificate is not judged, that is for other checks."""
    place = next(iter(wanted(context.settings)))
    host = _EVERYWHERE.get(place.address, place.address)
    connection: HTTPConnection = HTTPConnection(host, place.port, timeout=context.wait)
    if place.tls:
        unjudged = ssl.create_default_context()
        unjudged.check_hostname = False
        unjudged.verify_mode = ssl.CERT_NONE
        connection = HTTPSConnection(host, place.port, timeout=context.wait, context=unjudged)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read(65536))
    except ValueError as problem:
        raise HTTPException("what it says is no JSON") from problem
    finally:
        connection.close()
    return answer.status, body if isinstance(body, dict) else {}


CHECKS = (
    Check("unit", "the unit", _state),
    Check("unit-enabled", "the unit is started at boot", _enabled),
    Check("unit-restarts", "the unit is not restarted again and again", _restarts),
    Check("unit-fresh", "systemd knows the unit as it is", _fresh),
    Check("unit-watchdog", "systemd looks after the service", _watchdog),
    Check("unit-sandbox", "the unit lets the service write where it has to", _sandbox),
    Check("ready", "the service is ready", _ready, waits=True),
    Check("version", "the installed version runs", _version, waits=True),
)
