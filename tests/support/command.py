"""The command C{smartdyn} as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from twisted.internet.threads import deferToThread

from tests.support.service import ROOT, ServiceProcess

_CODE = "import os, sys; from smartdyn.cli.main import main, parser; parser(); {become}sys.exit(main())"
_BECOME = "os.setgroups([]); os.setgid({user}); os.setuid({user}); "
"""The interpreter of the tests may be where only root can read, so it is begun as root."""


class Command:
    """Asks a service over its socket, unless something else is said.

    @ivar environment: what it finds.
    """

    def __init__(self, service: ServiceProcess) -> None:
        socket = str(service.folder / "smartdyn.sock")
        self.environment = {**os.environ, "SMARTDYN_SOCKET": socket, "PYTHONPATH": str(ROOT)}

    def arguments(self, *arguments: str, user: int | None = None) -> list[str]:
        """How it is started.

        @param user: as whom.
        """
        become = "" if user is None else _BECOME.format(user=user)
        return [sys.executable, "-c", _CODE.format(become=become), *arguments]

    def start(
        self, *arguments: str, user: int | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            self.arguments(*arguments, user=user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **(environment or {})},
        )

    async def run(
        self, *arguments: str, given: str = "", user: int | None = None, environment: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Run it to its end: status, output and errors."""
        return await finished(self.start(*arguments, user=user, environment=environment), given)


async def finished(process: subprocess.Popen[str], given: str = "") -> tuple[int, str, str]:
    """How a command ends: status, output and errors."""

    def wait() -> Any:
        try:
            return process.communicate(given, timeout=60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.communicate()

    output, errors = await deferToThread(wait)
    return process.returncode, output, errors
