"""The service as a real C{twistd} process."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import yaml
from twisted.internet.threads import deferToThread

from tests.support.sshd import free_port

ROOT = Path(__file__).resolve().parents[2]
_HANDOVER = ROOT / "tests/support/handover.py"
_START_LIMIT = 120
"""Seconds until the service answers, on a machine that has much else to do."""

_STOP_LIMIT = 60

_ENTRY_POINTS = "[smartdyn.plugins]\nrig = tests.support.rig:install\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service believes itself to be, in namespaces of its own; that takes root.

    @param host: the name of its machine.
    @param folder: of its configuration and its data; one in a folder that every system has.
    """

    host: str
    folder: Path


class ServiceProcess:
    """Runs until it is stopped or killed; L{start} again for the next life on the same database."""

    def __init__(
        self,
        settings: dict[str, Any],
        environment: dict[str, str] | None = None,
        names: Mapping[str, str] | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
        place: Place | None = None,
    ) -> None:
        """
        @param settings: in addition to the port and paths, which are made up.
        @param names: hosts and their addresses, which only this service knows; that takes root.
        @param sockets: what is handed over to it, as systemd does, by name.
        @param place: where it is to believe itself to be.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="smartdyn-service-"))
        atexit.register(self._remove)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / "service.log"
        self._environment = environment or {}
        self._names = names or {}
        self._sockets = sockets or {}
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        chosen = {
            ":port": self.port,
            ":database": "smartdyn.sqlite",
            ":ssh_known_hosts_file": "known_hosts",
            **{f":{key}": value for key, value in settings.items()},
        }
        self._settings = chosen
        self._write_settings()
        plugin = self.folder / "plugins" / "rig-1.dist-info"
        plugin.mkdir(parents=True)
        plugin.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: rig\nVersion: 1\n")
        plugin.joinpath("entry_points.txt").write_text(_ENTRY_POINTS)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def set(self, key: str, value: Any) -> None:
        """Change a setting; it counts from the next start on."""
        self._settings[f":{key}"] = value
        self._write_settings()

    def _write_settings(self) -> None:
        self.folder.joinpath("settings.yml").write_text(yaml.safe_dump(self._settings))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    async def start(self, health: int = 200) -> None:
        """Start it and wait until it is ready, or else as ready as C{health} says."""
        await deferToThread(self.start_now, health)

    async def stop(self) -> int:
        """Stop it in good order.

        @return: its exit status.
        """
        return int(await deferToThread(self.stop_now))

    async def kill(self) -> None:
        """Kill it without a word."""
        await deferToThread(self.kill_now)

    def stop_now(self) -> int:
        """L{stop}, for those who may block."""
        return self._end(signal.SIGTERM)

    def kill_now(self) -> None:
        """L{kill}, for those who may block."""
        self._end(signal.SIGKILL)

    def wait_now(self) -> int:
        """Its exit status, when it has ended by itself."""
        process, self._process = self._process, None
        assert process is not None
        return process.wait(60)

    def launch(self) -> subprocess.Popen[bytes]:
        """Start another process with the same configuration, which is expected to fail."""
        return self._spawn(subprocess.PIPE)

    def start_now(self, health: int = 200) -> None:
        """L{start}, for those who may block."""
        with self.log.open("ab") as log:
            self._process = self._spawn(log)
        end = time.monotonic() + _START_LIMIT
        while self._process.poll() is None and time.monotonic() < end:
            if self._health() == health:
                return
            time.sleep(0.05)
        raise RuntimeError(f"the service did not start:\n{self.log.read_text()}")

    def _health(self) -> int | None:
        try:
            with urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except (URLError, ConnectionError, TimeoutError):
            return None

    def _remove(self) -> None:
        """Leave nothing behind, also when a test was cut short."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, log: Any) -> subprocess.Popen[bytes]:
        more = self._environment.get("SMARTDYN_TEST_PLUGINS")
        path = os.pathsep.join([str(ROOT), str(self.folder / "plugins"), *([more] if more else [])])
        folder = self._place.folder if self._place else self.folder
        arguments = ["-n", "--pidfile=", "smartdyn", "--config-dir", str(folder)]
        return subprocess.Popen(
            [
                *self._namespace(),
                *self._handover(),
                sys.executable,
                "-c",
                "from twisted.scripts.twistd import run; run()",
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            pass_fds=[each.fileno() for each in self._sockets.values()],
            env={**os.environ, "PYTHONPATH": path, **self._environment},
        )

    def _handover(self) -> list[str]:
        """A command that passes on the sockets."""
        pairs = [f"{name}={each.fileno()}" for name, each in self._sockets.items()]
        return [sys.executable, str(_HANDOVER), *pairs, "--"] if pairs else []

    def _namespace(self) -> list[str]:
        """A command that gives the service an C{/etc/hosts} and a L{Place} of its own."""
        if not self._names and self._place is None:
            return []
        lines = [f"{address} {name}\n" for name, address in self._names.items()]
        hosts = self.folder / "hosts"
        hosts.write_text("".join(["127.0.0.1 localhost\n", *lines]))
        steps = ['mount --bind "$0" /etc/hosts']
        if self._place is not None:
            folder = shlex.quote(str(self._place.folder))
            steps += [
                f"hostname {shlex.quote(self._place.host)}",
                f"mount -t tmpfs none {shlex.quote(str(self._place.folder.parent))}",
                f"mkdir {folder}",
                f"mount --bind {shlex.quote(str(self.folder))} {folder}",
            ]
        return ["unshare", "-m", "-u", "/bin/sh", "-e", "-c", "\n".join([*steps, 'exec "$@"']), str(hosts)]

    def _end(self, number: int) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(_STOP_LIMIT)
