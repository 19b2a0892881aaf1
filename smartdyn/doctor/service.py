"""Checks of the running service and of its unit."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from smartdyn import __version__
from smartdyn.doctor.context import UNIT, Context
from smartdyn.doctor.network import wanted
from smartdyn.doctor.verdict import Check, Verdict, error, not_applicable, ok, warning

_MANY_RESTARTS = 3
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
    if unit.get("LoadState") != "loaded" or unit.get("Type") not in {"notify", "notify-reload"}:
        return not_applicable("There is no unit that systemd is told of.")
    if unit.get("WatchdogUSec", "0") in {"0", "infinity"}:
        return warning(
            "The watchdog is off: a service that hangs is not restarted.",
            "Remove WatchdogSec=0 from the drop-in (systemctl edit smartdyn).",
        )
    return ok(f"systemd looks after it each {unit['WatchdogUSec']}.")


def _ready(context: Context) -> Verdict:
    if not context.is_up:
        return not_applicable("The service is down.")
    try:
        status, body = _ask(context, "/health/ready")
    except (OSError, HTTPException) as problem:
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
    Check("ready", "the service is ready", _ready, waits=True),
    Check("version", "the installed version runs", _version, waits=True),
)
