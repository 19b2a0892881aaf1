"""Runs all benchmarks and says on what machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from importlib.metadata import version


def main() -> None:
    """Print the numbers of the README."""
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python {platform.python_version()}, "
        f"Twisted {version('twisted')}, SQLite {sqlite3.sqlite_version}\n",
        flush=True,
    )
    for name in (
        "store",
        "engine",
        "launches",
        "requests",
        "scale",
        "console",
        "jobs",
        "output",
        "live",
        "watching",
        "browsing",
        "sleepers",
    ):
        # Each in a process of its own: a reactor runs once
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
