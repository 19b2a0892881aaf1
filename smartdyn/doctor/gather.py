"""Finds out what checks look at on the machine that we are on."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from smartdyn.doctor.account import Account, account, own_account
from smartdyn.doctor.context import UNIT, Context, Ran
from smartdyn.settings.load import read_settings

_COMMAND_LIMIT = 1.0
_PROPERTIES = (
    "ActiveState",
    "AmbientCapabilities",
    "CacheDirectory",
    "DropInPaths",
    "Environment",
    "ExecMainStatus",
    "LimitNOFILE",
    "LimitNOFILESoft",
    "LoadState",
    "LogsDirectory",
    "NRestarts",
    "NeedDaemonReload",
    "ProtectHome",
    "ProtectSystem",
    "ReadWritePaths",
    "Result",
    "RuntimeDirectory",
    "StateDirectory",
    "Type",
    "UnitFileState",
    "User",
    "WatchdogUSec",
)


def gather(folder: Path) -> Context:
    """The context of the service with this configuration directory, up or down."""
    unit = unit_properties()
    context = Context(
        reading=read_settings(folder.absolute()),
        account=own_account(),
        environment=dict(os.environ),
        run=run,
        now=time.time,
        hostname=socket.getfqdn,
        unit=unit,
    )
    context = replace(context, account=_service_account(context))
    pid = _owner(context)
    sees_all = os.geteuid() in (0, context.account.uid)
    return replace(context, pid=pid, environment=_environment(context, pid), sees_all=sees_all)


def run(command: Sequence[str]) -> Ran | None:
    """Run a command; its errors are of no interest."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_LIMIT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Ran(done.returncode, done.stdout.decode(errors="replace"))


def unit_properties() -> dict[str, str]:
    """What systemd says of the unit; nothing where there is no systemd."""
    if not Path("/run/systemd/system").is_dir():
        return {}
    ran = run(["systemctl", "show", UNIT, f"--property={','.join(_PROPERTIES)}"])
    if ran is None or ran.status:
        return {}
    return dict(line.split("=", 1) for line in ran.output.splitlines() if "=" in line)


def _service_account(context: Context) -> Account:
    """Whom the unit names; without one, the owner of the database's directory, unless that is root; else ourselves."""
    ours = context.account
    if context.unit.get("LoadState") == "loaded":
        return account(context.unit.get("User") or "root") or ours
    try:
        owner = context.database.parent.stat().st_uid
    except OSError:
        return ours
    return ours if owner == 0 else account(str(owner)) or ours


def _owner(context: Context) -> int | None:
    """The process that holds the database's lock (see L{smartdyn.store.ownership}), without touching it ourselves."""
    lock = context.database.with_name(f"{context.database.name}.lock")
    try:
        inode = lock.stat().st_ino
        words = lock.read_text().split()
    except OSError:
        return None
    for line in (context.kernel("proc/locks") or "").splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            said = words[1] if len(words) > 1 and words[1].isdigit() else fields[4]
            return int(said)
    return None


def _environment(context: Context, pid: int | None) -> Mapping[str, str]:
    """The service's: what it was started with, or what its unit will give it, or ours when nothing else is known."""
    if pid is not None:
        text = context.kernel(f"proc/{pid}/environ")
        if text is not None:
            return dict(each.split("=", 1) for each in text.split("\0") if "=" in each)
    if context.unit.get("LoadState") == "loaded":
        given = shlex.split(context.unit.get("Environment", ""))
        return dict(each.split("=", 1) for each in given if "=" in each)
    return context.environment
