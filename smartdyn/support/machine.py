"""The machine and the programs on it."""

from __future__ import annotations

import os
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from smartdyn import parts
from smartdyn.doctor.context import UNIT
from smartdyn.support.case import Case, Collector, Piece

_JOURNAL_LINES: Final = 2000
_COMMAND_LIMIT: Final = 8.0
_NOT_SHOWN: Final = ("Environment",)
"""Properties of a unit in which there may be secrets."""


def _platform(case: Case) -> Iterator[Piece]:
    kernel = case.context.kernel
    folder = case.context.database.parent
    disk = shutil.disk_usage(folder) if folder.exists() else None
    facts: dict[str, Any] = {
        "smartdyn": parts.versions(),
        "openssl": ssl.OPENSSL_VERSION,
        "python": sys.version,
        "platform": platform.platform(),
        "system": _system(kernel("etc/os-release") or ""),
        "host name": case.context.hostname(),
        "processors": os.cpu_count(),
        "load": kernel("proc/loadavg"),
        "memory": (kernel("proc/meminfo") or "").splitlines()[:3],
        "uptime": kernel("proc/uptime"),
        "fips": kernel("proc/sys/crypto/fips_enabled"),
        "selinux": kernel("sys/fs/selinux/enforce"),
        "disk of the database": disk and disk._asdict(),
    }
    yield Piece("machine.json", facts)


def _system(text: str) -> str:
    names = [line.partition("=")[2].strip('"') for line in text.splitlines() if line.startswith("PRETTY_NAME=")]
    return names[0] if names else "unknown"


def _libraries(case: Case) -> Iterator[Piece]:
    found = sorted({f"{each.metadata['Name']} {each.version}" for each in distributions()}, key=str.lower)
    yield Piece("libraries.txt", "\n".join(found) + "\n")


def _process(case: Case) -> Iterator[Piece]:
    """Of the environment only the names: values may be anything."""
    context = case.context
    facts: dict[str, Any] = {
        "process": context.pid,
        "account": context.account.name,
        "names in its environment": sorted(context.environment),
    }
    if context.pid is not None:
        facts["limits"] = (context.kernel(f"proc/{context.pid}/limits") or "").splitlines()
        facts["status"] = (context.kernel(f"proc/{context.pid}/status") or "").splitlines()
    yield Piece("process.json", facts)


def _unit(case: Case) -> Iterator[Piece]:
    shown = {name: value for name, value in case.context.unit.items() if name not in _NOT_SHOWN}
    yield Piece("unit.json", shown or "There is no systemd here, or it has no such unit.\n")


def _journal(case: Case) -> Iterator[Piece]:
    if not Path("/run/systemd/system").is_dir():
        yield Piece("journal.txt", "There is no systemd here.\n")
        return
    command = ["journalctl", "--unit", UNIT, "--lines", str(_JOURNAL_LINES), "--no-pager", "--output", "short-iso"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_COMMAND_LIMIT,
        check=False,
    )
    yield Piece("journal.txt", done.stdout.decode(errors="replace"))


COLLECTORS: Final = (
    Collector("machine", "the machine, the system, versions, memory and disk", _platform),
    Collector("libraries", "the Python libraries and plugins with their versions", _libraries),
    Collector("process", "the service's process: account, limits, memory, names in its environment", _process),
    Collector("unit", "what systemd says of the unit", _unit),
    Collector("journal", f"the last {_JOURNAL_LINES} lines of the unit's journal", _journal),
)
