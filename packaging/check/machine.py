"""The Debian in which the package is tried: its commands, its unit, its files."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNIT = "smartdyn.service"
DROP_IN = Path("/etc/systemd/system/smartdyn.service.d/check.conf")


def run(*command: str, check: bool = True, **options: Any) -> str:
    """What a command prints, on both streams.

    @raise RuntimeError: it failed.
    """
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300, **options
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return str(done.stdout)


def fact(name: str) -> str:
    """A property of the unit."""
    return run("systemctl", "show", "--value", f"--property={name}", UNIT).strip()


def claim(true: object, otherwise: str) -> None:
    """
    @raise RuntimeError: it is not so.
    """
    if not true:
        raise RuntimeError(otherwise)


def until(true: Callable[[], object], what: str, seconds: float = 240.0) -> float:
    """Wait, and say for how long.

    @raise RuntimeError: in vain.
    """
    began = time.monotonic()
    while not true():
        claim(time.monotonic() - began < seconds, f"{what} did not happen in {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - began


def paths() -> set[str]:
    """All files of the system."""
    found = run("find", "/", "-xdev", "-not", "-path", "/proc*", "-not", "-path", "/sys*", "-not", "-path", "/run*")
    return {path for path in found.splitlines() if "/__pycache__" not in path or "smartdyn" in path}


def account() -> pwd.struct_passwd:
    """The service's."""
    return pwd.getpwnam("foreman-proxy")


def journal(*options: str) -> str:
    """What the unit has said."""
    return run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}", *options)


def processor_time(pid: int) -> float:
    """Seconds for which a process has had a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def security() -> str:
    """How closed the unit is."""
    return run("systemd-analyze", "security", "--no-pager", UNIT, check=False)


@contextmanager
def drop_in(*lines: str) -> Iterator[None]:
    """The unit with more settings."""
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("\n".join(["[Service]", *lines, ""]))
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)
    yield
    DROP_IN.unlink()
    DROP_IN.parent.rmdir()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)
