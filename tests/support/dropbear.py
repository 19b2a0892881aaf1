"""A dropbear server for tests, as small devices have one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support import sshd


class Dropbear:
    """A server on loopback with a key of each kind; the accounts are those of L{tests.support.sshd}."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="smartdyn-dropbear-"))
        self.port = sshd.free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make keys and accounts, and start the server."""
        if reason := sshd.missing():
            raise SkipTest(reason)
        if shutil.which("dropbear") is None:
            raise SkipTest("dropbear-bin is not installed; `make test` installs it")
        sshd.make_accounts()
        command = ["dropbear", "-F", "-E", "-p", f"127.0.0.1:{self.port}", "-P", str(self.folder / "pid")]
        for kind in ("ed25519", "ecdsa", "rsa"):
            path = self.folder / kind
            subprocess.run(["dropbearkey", "-t", kind, "-f", str(path)], check=True, capture_output=True)
            command += ["-r", str(path)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        sshd.wait_for_port(self.port)

    def kill_sessions(self) -> None:
        """Kill the processes that serve connections, as a broken network would; the server goes on."""
        assert self._process is not None
        subprocess.run(["pkill", "-KILL", "-P", str(self._process.pid)], check=True)

    def stop(self) -> None:
        """Stop the server and remove its files."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
