"""How packages of each kind come and go, and what must be there then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from machine import claim, paths, run

SETTINGS = Path("/etc/smartdyn/settings.yml")
DATABASE = Path("/var/lib/smartdyn/smartdyn.sqlite")

EXPECTED = (
    "/check/",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/subgid-",
    "/etc/subuid-",
    "/root",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/lib/foreman-proxy",
    "/var/lib/systemd",
    "/var/log/",
    "/var/cache/apt",
    "/var/tmp/foreman-proxy",
    "/var/tmp/systemd-private",
)
"""Beginnings of paths that stay: the account's, and those of the system and of what was tried here."""


class Package(Protocol):
    """The package, with the tool that belongs to it."""

    def install(self) -> str:
        """Install it; says what the tool knows of it."""

    def upgrade(self) -> None:
        """Install it over itself, which does what a newer version would."""

    def remove(self) -> str:
        """Remove it; says what stays.

        @raise RuntimeError: too much or too little does.
        """


class Deb:
    """With dpkg and apt."""

    def __init__(self) -> None:
        self._before = paths()

    def install(self) -> str:
        """C{dpkg -i}."""
        run("dpkg", "-i", "/check/smartdyn.deb")
        return run("dpkg-query", "-f", "${Version}, ${Installed-Size} kB", "-W", "smartdyn")

    def upgrade(self) -> None:
        """Likewise; changed settings are kept, as without a terminal."""
        run("dpkg", "-i", "--force-confold", "/check/smartdyn.deb")

    def remove(self) -> str:
        """Removal keeps data and settings; purging leaves the account and its keys, and nothing else."""
        self._apt("remove")
        claim(DATABASE.exists() and SETTINGS.exists(), "data or settings are gone")
        claim(not Path("/usr/lib/smartdyn").exists(), "the program is still there")
        self._apt("purge")
        left = {path for path in paths() - self._before if not path.startswith(EXPECTED)}
        claim(not left, f"these were left: {sorted(left)}")
        return "the account and its keys stay"

    def _apt(self, deed: str) -> None:
        run("apt-get", "-y", "-qq", deed, "smartdyn", env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


class Rpm:
    """With rpm, which finds what the package requires in a stand-in for the packages of a distribution."""

    def __init__(self) -> None:
        run("rpm", "--install", "/check/smartdyn.stand-in")
        self._before = paths()

    def install(self) -> str:
        """C{rpm --install}, and what it has written is what is in the package."""
        run("rpm", "--install", "/check/smartdyn.rpm")
        said = run("rpm", "--verify", "smartdyn")
        claim(not said, f"rpm --verify: {said}")
        return run("rpm", "--query", "--queryformat", "%{VERSION}, %{SIZE} bytes", "smartdyn")

    def upgrade(self) -> None:
        """C{rpm --upgrade}."""
        run("rpm", "--upgrade", "--force", "/check/smartdyn.rpm")

    def remove(self) -> str:
        """Removal keeps data, logs and changed settings, and nothing else but the account."""
        run("rpm", "--erase", "smartdyn")
        saved = f"{SETTINGS}.rpmsave"
        claim(DATABASE.exists() and Path(saved).exists(), "data or settings are gone")
        expected = (*EXPECTED, "/var/lib/smartdyn", "/var/lib/rpm", saved)
        left = {path for path in paths() - self._before if not path.startswith(expected)}
        # Folders of shells that are not installed here belong to nobody
        left = {path for path in left if not path.startswith(("/usr/share/fish", "/usr/share/zsh"))}
        claim(left <= {"/etc/smartdyn", "/etc/smartdyn/settings.d"}, f"these were left: {sorted(left)}")
        return "data, changed settings and the account stay"


KINDS: dict[str, type[Deb | Rpm]] = {"deb": Deb, "rpm": Rpm}
