"""A proxy host on which all is well, until a test breaks something: real files, certificates, keys and a stand-in."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.doctor.account import Account, own_account
from smartdyn.doctor.context import Context, Ran
from smartdyn.doctor.examine import examine
from smartdyn.doctor.registry import KINDS
from smartdyn.doctor.verdict import Finding, Status
from smartdyn.settings.load import read_settings
from smartdyn.store.migrate import migrate
from tests.support.certificates import Authority
from tests.support.sshd import free_port, write_key

HOST = "proxy.example.org"
UNIT = {
    "LoadState": "loaded",
    "ActiveState": "inactive",
    "UnitFileState": "enabled",
    "NRestarts": "0",
    "NeedDaemonReload": "no",
    "Type": "notify",
    "WatchdogUSec": "30s",
    "LimitNOFILE": "65536",
}
_SOMEBODY = 4242
"""A user who need not have a name."""

_KERNEL = {
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n",
    "proc/self/mounts": "/dev/sda1 / ext4 rw 0 0\n",
    "proc/net/tcp": "header\n",
}


class ForemanStub:
    """Answers each request, with TLS, in threads of its own."""

    def __init__(self, files: tuple[Path, Path] | None, *, client_ca: Path | None = None, resets: bool = False) -> None:
        """
        @param files: certificate and key; plain HTTP without.
        @param client_ca: only those with a certificate of it are let in.
        @param resets: each request is answered by a reset of the connection.
        """
        self.status = 200
        self.skew = 0.0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if resets:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    os.close(self.connection.detach())
                    return
                self.send_response_only(stub.status)
                self.send_header("Date", formatdate(time.time() + stub.skew, usegmt=True))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        if files is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*files)
            if client_ca is not None:
                tls.load_verify_locations(client_ca)
                tls.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that hang up are what tests are about."""


class Clinic:
    """The host, and what is said of it."""

    def __init__(self) -> None:
        self.limit = 10.0
        self.folder = Path(tempfile.mkdtemp(prefix="smartdyn-clinic-"))
        self.folder.chmod(0o755)
        self.etc, self.state, self.ssh = (self.folder / name for name in ("etc", "state", "ssh"))
        self.root = self.folder / "root"
        for each in (self.etc / "settings.d", self.state, self.ssh):
            each.mkdir(parents=True, mode=0o750)
        self.authority = Authority(self.etc / "ssl")
        self.certificate, self.certificate_key = self.authority.issue(HOST)
        self.foreman = ForemanStub(self.authority.issue("localhost"), client_ca=self.authority.path)
        self.port = free_port()
        self.database = self.state / "smartdyn.sqlite"
        migrate(self.database)
        self.vault_key = self.write("state/smartdyn.sqlite.key", "k" * 32)
        self.key = self.ssh / "id_rsa_foreman_proxy"
        write_key(self.key, "ecdsa")
        self.known_hosts = self.write("ssh/known_hosts", "")
        self.settings = self.write("etc/settings.yml", self._settings())
        for path in (self.certificate_key, self.vault_key, self.database):
            path.chmod(0o600)
        for name, text in _KERNEL.items():
            self.write(f"root/{name}", text)
        self.environment: dict[str, str] = {}
        self.commands: dict[str, Ran] = {"timedatectl": Ran(0, "NTP=yes\nNTPSynchronized=yes\n")}
        self.context = self._context()

    def write(self, name: str, text: str) -> Path:
        """Write a file below the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def set(self, **values: object) -> None:
        """Change settings; later lines win by being in a file that is read later."""
        path = self.etc / "settings.d" / "smartdyn.yml"
        former = path.read_text() if path.exists() else "---\n"
        path.write_text(former + "".join(f"{key}: {value}\n" for key, value in values.items()))

    def connect_to(self, foreman: ForemanStub, scheme: str = "https") -> None:
        """Have another stand-in for Foreman."""
        self.foreman.stop()
        self.foreman = foreman
        self.set(foreman_url=f"{scheme}://localhost:{foreman.port}")

    def findings(self) -> list[Finding]:
        """What all checks say now."""
        self._give_away()
        context = replace(self.context, reading=read_settings(self.etc))
        return examine(context, KINDS, limit=self.limit)

    def close(self) -> None:
        """Leave nothing behind."""
        self.foreman.stop()
        shutil.rmtree(self.folder)

    def _run(self, command: Sequence[str]) -> Ran | None:
        return self.commands.get(command[0])

    def _give_away(self) -> None:
        """The files are the service's; only root can make them somebody else's."""
        if os.geteuid() == 0:
            for folder in (self.state, self.ssh):
                for path in (folder, *folder.rglob("*")):
                    os.chown(path, _SOMEBODY, _SOMEBODY)
            for path in (self.etc, *self.etc.rglob("*")):
                os.chown(path, 0, _SOMEBODY)
            self.certificate_key.chmod(0o640)

    def _context(self) -> Context:
        ours = own_account()
        if os.geteuid() == 0:
            ours = Account("foreman-proxy", _SOMEBODY, frozenset({_SOMEBODY}), self.folder)
        return Context(
            reading=read_settings(self.etc),
            account=ours,
            environment=self.environment,
            run=self._run,
            now=time.time,
            hostname=lambda: HOST,
            unit=dict(UNIT),
            root=self.root,
            wait=5.0,
        )

    def _settings(self) -> str:
        return f"""---
:https_port: {self.port}
:ssl_ca_file: {self.authority.path}
:ssl_certificate: {self.certificate}
:ssl_private_key: {self.certificate_key}
:foreman_url: https://localhost:{self.foreman.port}
:trusted_hosts: [localhost]
:database: {self.database}
:ssh_identity_key_file: {self.key}
:ssh_known_hosts_file: {self.known_hosts}
:ssh_config_file: {self.ssh}/config
"""


class ClinicTestCase(SynchronousTestCase):
    """A clinic for each test."""

    def setUp(self) -> None:
        self.clinic = Clinic()
        self.addCleanup(self.clinic.close)

    def change(self, **fields: object) -> None:
        """Change what checks look at."""
        self.clinic.context = replace(self.clinic.context, **fields)  # type: ignore[arg-type]

    def problems(self) -> list[Finding]:
        """What is wrong."""
        return [each for each in self.clinic.findings() if each.verdict.status in (Status.ERROR, Status.WARNING)]

    def assert_only(self, id: str, text: str, fix: str, status: Status = Status.ERROR) -> None:
        """One check finds something, in these words, with this fix; no other check does."""
        found = self.problems()
        self.assertEqual([each.id for each in found], [id], "\n".join(str(each) for each in found))
        verdict = found[0].verdict
        self.assertIn(text, verdict.text)
        self.assertIn(fix, verdict.fix)
        self.assertEqual(verdict.status, status)
        self.assertEqual((verdict.text + verdict.fix).count("\n"), 0)
