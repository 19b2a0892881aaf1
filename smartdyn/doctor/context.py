"""What checks look at. Everything comes in as an argument, so that a test can put something wrong in its place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from smartdyn.doctor.account import Account
from smartdyn.settings.load import Reading
from smartdyn.settings.schema import Settings

UNIT = "smartdyn.service"
_DIRECTORIES = {
    "StateDirectory": Path("/var/lib"),
    "LogsDirectory": Path("/var/log"),
    "CacheDirectory": Path("/var/cache"),
    "RuntimeDirectory": Path("/run"),
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    status: int
    output: str


Run = Callable[[Sequence[str]], Ran | None]
"""Runs a command for a short while; None when it is not there or takes too long."""


class Filesystem(Protocol):
    """What the kernel says of a mounted file system (statvfs(3))."""

    @property
    def f_frsize(self) -> int:
        """Bytes of a block."""

    @property
    def f_blocks(self) -> int:
        """All blocks."""

    @property
    def f_bavail(self) -> int:
        """Blocks that are free for us."""

    @property
    def f_files(self) -> int:
        """All inodes; 0 where there are as many as are wanted."""

    @property
    def f_favail(self) -> int:
        """Inodes that are free for us."""


@dataclass(frozen=True, slots=True)
class Context:
    """
    @param reading: the settings.
    @param account: whom the service runs as.
    @param environment: the service's.
    @param pid: of the running service, None when it is down.
    @param unit: what systemd says of the unit, by property; empty without systemd or unit.
    @param root: below which proc, sys and etc are.
    @param hostname: the full name of this machine; it may have to be asked for.
    @param now: the time of day, seconds since the epoch.
    @param sees_all: we may look at processes and files of all accounts.
    @param wait: seconds for which somebody else may let us wait.
    """

    reading: Reading
    account: Account
    environment: Mapping[str, str]
    run: Run
    now: Callable[[], float]
    hostname: Callable[[], str]
    pid: int | None = None
    unit: Mapping[str, str] = field(default_factory=dict)
    root: Path = Path("/")
    filesystem: Callable[[Path], Filesystem] = os.statvfs
    python: tuple[int, ...] = sys.version_info[:3]
    sees_all: bool = True
    wait: float = 1.5

    @property
    def settings(self) -> Settings:
        """What can be used of them."""
        return self.reading.settings

    def path(self, value: str) -> Path:
        """A path in a setting as the service sees it: C{~} is the home directory of its account, not ours."""
        if value == "~" or value.startswith("~/"):
            return self.account.home / value[2:]
        return self.settings.folder / value

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.path(self.settings.database)

    @property
    def made_at_start(self) -> tuple[Path, ...]:
        """Directories that systemd makes for the service when it starts it (systemd.exec(5), C{StateDirectory=})."""
        return tuple(above / each for name, above in _DIRECTORIES.items() for each in self.unit.get(name, "").split())

    @property
    def is_up(self) -> bool:
        """Does the service run?"""
        return self.pid is not None

    def kernel(self, name: str) -> str | None:
        """A file of proc or sys, None when there is none."""
        try:
            return self.root.joinpath(name).read_text(errors="replace").strip()
        except OSError:
            return None
