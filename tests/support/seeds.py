"""Services with the troubles that an admin is called for: each job fails, or waits, in a way of its own.

C{python -m tests.support.seeds} starts them, says on a line where they are, and ends with its standard input.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from twisted.web.server import Site

from tests.support import environments, sshd
from tests.support.certificates import Authority
from tests.support.foreman import Callbacks, RecordingForeman
from tests.support.http import Client
from tests.support.service import Place, ServiceProcess
from tests.support.sshd import Sshd, free_port, password_of, write_key

RUN_SCRIPT = "Proxy::RemoteExecution::Ssh::Actions::RunScript"
_PATIENT = {"ssh_connect_timeout": 600, "kill_grace": 1, "kill_limit": 5}
_NAMES = ("app2", "backup1", "batch1", "build1", "db1", "files1", "mail1", "slow1", "web1", "web2", "web3", "web4")
_COLOURS = (
    "30;42",
    "97;41",
    "37;44",
    "41",
    "107",
    "48;2;128;128;128",
    "38;5;16;48;5;46",
    "7;32",
    "7",
    "2",
    "2;31",
    "2;7;33",
)
"""What is hard to read if a page takes it as it comes: grounds, text that is dim, and both sides changed."""

NAMES = {f"{name}.example.org": "127.0.0.1" for name in (*_NAMES, "web5")}


@dataclass(slots=True)
class Seeded:
    """A service and the tasks in it, by what happened to them."""

    service: ServiceProcess
    tasks: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Where it is, and what is there."""
        return {"url": self.service.url, "tasks": self.tasks}


class Seeds:
    """Three services: Foreman answers, cannot be reached, or has a certificate that has expired."""

    def __init__(self, reactor: Any, folder: Path, place: Place | None = None) -> None:
        """
        @param folder: for certificates and keys.
        @param place: where the service that Foreman answers is to believe itself to be.
        """
        self._reactor = reactor
        self._folder = folder
        self._foreman = RecordingForeman()
        self._expired = RecordingForeman()
        self._ports: list[Any] = []
        self.silent_port = 0
        self.answering = Seeded(self._service(self._foreman.start(reactor), place))
        self.unreachable = self._simulating(f"http://127.0.0.1:{free_port()}")
        self.expired = self._simulating(self._listen_expired(), foreman_ssl_ca=str(folder / "ca.pem"))

    async def start(self) -> None:
        """Start everything, and wait until each task is as it is to be shown."""
        seeded = (self.answering, self.unreachable, self.expired)
        await gatherResults([Deferred.fromCoroutine(each.service.start()) for each in seeded])
        await gatherResults(
            [
                Deferred.fromCoroutine(self._seed()),
                Deferred.fromCoroutine(self._seed_simulated(self.unreachable, "Foreman down", "web4")),
                Deferred.fromCoroutine(self._seed_simulated(self.expired, "expired certificate", "web5")),
            ]
        )

    async def stop(self) -> None:
        """Stop everything."""
        for seeded in (self.answering, self.unreachable, self.expired):
            await seeded.service.stop()
        for port in self._ports:
            await port.stopListening()
        await self._foreman.stop()

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        seeded = {"answering": self.answering, "unreachable": self.unreachable, "expired": self.expired}
        ports = {"ssh_port": sshd.shared().port, "silent_port": self.silent_port}
        return {**ports, **{name: each.to_json() for name, each in seeded.items()}}

    async def _launch(self, what: str, host: str, script: str, **input: Any) -> None:
        """Run a script on a host, as Foreman would.

        @param what: the name the task gets in L{Seeded.tasks}.
        """
        key = str(uuid.uuid4())
        action_input = {
            "hostname": f"{host}.example.org",
            "ssh_port": sshd.shared().port,
            "ssh_user": "root",
            "script": script,
            "callback": {"task_id": key, "step_id": 3},
            **input,
        }
        if what == "stuck callback":
            self._foreman.poison.add(key)
        await self._post(self.answering, what, action_input)

    async def _seed(self) -> None:
        """The troubles of hosts and scripts."""
        disks = environments.with_disks()
        await self._launch("success", "web2", "#!/bin/sh\necho 'nothing to do'\n")
        coloured = "".join(f"\\033[{sgr}m {sgr} \\033[0m\\n" for sgr in _COLOURS)
        await self._launch("colours", "web2", f"#!/bin/sh\nprintf '{coloured}'\nprintf '{coloured}' >&2\n")
        await self._launch("unreachable host", "web3", "true", ssh_port=free_port())
        await self._launch("changed host key", "db1", "true")
        await self._launch(
            "wrong sudo password",
            "app2",
            "true",
            ssh_user="rexpw",
            effective_user="root",
            effective_user_method="sudo",
            secrets={"effective_user_password": f"not-{password_of('rexpw')}"},
        )
        await self._launch_on(disks, "noexec directory", "build1", "noexec", "#!/bin/sh\nmake\n")
        await self._launch_on(disks, "disk full", "files1", "tiny", f"#!/bin/sh\n# {'x' * 60_000}\n")
        await self._launch("stuck callback", "mail1", "#!/bin/sh\necho 'queue is empty'\n")
        self.silent_port = self._listen_silently()
        await self._launch("slow host", "slow1", "true", ssh_port=self.silent_port)
        await self._launch("script error", "web1", "#!/bin/sh\necho restarting\nsystemctl-typo restart httpd\n")
        await self._launch("cancelled", "batch1", "#!/bin/sh\necho begun\nsleep 600\n")
        await self._launch(
            "timed out", "backup1", "#!/bin/sh\necho 'copying'\nsleep 600\n", execution_timeout_interval=2
        )
        await self._post(self.answering, "paused", {}, "Rig::RaiseInRun")
        await self._until_ended()

    async def _until_ended(self) -> None:
        client, tasks = Client(self._reactor, self.answering.service.url), self.answering.tasks
        await client.until(f"/tasks/{tasks['cancelled']}/status", lambda found: "begun" in str(found["actions"]))
        await client.request("POST", f"/tasks/{tasks['cancelled']}/cancel", "")
        for what, task_id in tasks.items():
            wanted = {"slow host": "running", "paused": "paused"}.get(what, "stopped")
            await client.until(f"/tasks/{task_id}/status", lambda found, wanted=wanted: found["state"] == wanted)

    async def _launch_on(self, server: Sshd, what: str, host: str, disk: str, script: str) -> None:
        folder = str(server.folder / disk)
        await self._launch(what, host, script, ssh_port=server.port, ssh_user="rexssh", remote_working_dir=folder)

    async def _seed_simulated(self, seeded: Seeded, what: str, host: str) -> None:
        callback = {"task_id": str(uuid.uuid4()), "step_id": 3}
        job = {"hostname": f"{host}.example.org", "script": "true", "callback": callback}
        await self._post(seeded, what, job)

    async def _post(self, seeded: Seeded, what: str, action_input: dict[str, Any], action: str = RUN_SCRIPT) -> None:
        client = Client(self._reactor, seeded.service.url)
        answer = await client.request("POST", "/tasks", {"action_name": action, "action_input": action_input})
        seeded.tasks[what] = answer.json["task_id"]

    def _service(self, foreman_url: str, place: Place | None) -> ServiceProcess:
        server, disks = sshd.shared(), environments.with_disks()
        settings = {"foreman_url": foreman_url, "ssh_identity_key_file": str(server.folder / "id_all"), **_PATIENT}
        self._let_in(server.folder / "id_all", server, disks)
        service = ServiceProcess(settings, names=NAMES, place=place)
        kind, key, *_ = write_key(self._folder / "former", "ed25519").split()
        service.folder.joinpath("known_hosts").write_text(f"[db1.example.org]:{server.port} {kind} {key}\n")
        return service

    def _let_in(self, key: Path, *servers: Sshd) -> None:
        """Make a key that several servers let in."""
        line = write_key(key, "ed25519")
        for server in servers:
            with (server.folder / "authorized_keys").open("a") as allowed:
                allowed.write(f"{line}\n")

    def _simulating(self, foreman_url: str, **settings: Any) -> Seeded:
        """A service whose scripts only seem to run: what matters is what follows."""
        lines = self._folder / "simulated"
        lines.write_text("one line\n")
        environment = {"REX_SIMULATE": "1", "REX_SIMULATE_PATH": str(lines)}
        return Seeded(ServiceProcess({"foreman_url": foreman_url, **settings}, environment))

    def _listen_expired(self) -> str:
        certificate, key = Authority(self._folder).issue("localhost", valid="expired")
        context = DefaultOpenSSLContextFactory(str(key), str(certificate))
        port = self._reactor.listenSSL(0, Site(Callbacks(self._expired)), context, interface="127.0.0.1")
        self._ports.append(port)
        return f"https://localhost:{port.getHost().port}"

    def _listen_silently(self) -> int:
        """A port where connections are taken and nothing is ever said."""
        port = self._reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        self._ports.append(port)
        return int(port.getHost().port)


async def _main(reactor: Any, folder: Path) -> None:
    seeds = Seeds(reactor, folder)
    try:
        await seeds.start()
        print(json.dumps(seeds.to_json()), flush=True)
        await deferToThread(sys.stdin.read)
    finally:
        await seeds.stop()


if __name__ == "__main__":
    _folder = Path(tempfile.mkdtemp(prefix="smartdyn-seeds-"))
    try:
        react(lambda reactor: Deferred.fromCoroutine(_main(reactor, _folder)))
    finally:
        shutil.rmtree(_folder)
