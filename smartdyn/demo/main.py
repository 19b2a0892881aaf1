"""C{smartdyn demo}: a service, a host and a Foreman on this machine, and a batch of three scripts.

Nothing is special-cased: the service is the one that C{twistd smartdyn} runs, launched with the request that Foreman
sends, over HTTP and SSH on loopback.
"""

from __future__ import annotations

import getpass
import os
import random
import shutil
import socket
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import globalLogBeginner
from twisted.web.server import Site

from smartdyn.aio import deadline, sleep
from smartdyn.demo.foreman import CallbackReceiver
from smartdyn.demo.ssh_host import make_host, make_key
from smartdyn.log.buffer import LogBuffer
from smartdyn.log.output import LogOutput, make_levels
from smartdyn.service import Smartdyn, Surroundings
from smartdyn.settings import Settings

_LIMIT = 50.0
_SCRIPTS = {
    "succeeds": '#!/bin/sh\necho "hello from $(uname -s)"\nid -un >/dev/null && echo done\n',
    "fails": "#!/bin/sh\necho checking\necho 'no such package' >&2\nexit 3\n",
    "is slow": '#!/bin/sh\nfor i in 1 2 3 4 5; do echo "step $i of 5"; sleep 1; done\n',
}


def run(*, keep: bool) -> int:
    """Run the demonstration.

    @param keep: leave everything running afterwards, until interrupted.
    @return: 0 when all that should happen has happened.
    """
    folder = Path(tempfile.mkdtemp(prefix="smartdyn-demo-"))
    status = [1]

    async def main(reactor: Any) -> None:
        status[0] = await Demonstration(reactor, folder).run(keep=keep)

    try:
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit as ending:
        if ending.code:
            return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return status[0]


class Demonstration:
    """Everything that takes part, and what was seen of it."""

    def __init__(self, reactor: Any, folder: Path) -> None:
        self._reactor = reactor
        self._folder = folder
        self._names: dict[str, str] = {}
        self._callbacks: dict[str, Any] = {}
        self._shown: dict[str, int] = {}
        self._began = time.monotonic()

    async def run(self, *, keep: bool) -> int:
        """Set up, launch, follow, sum up."""
        settings = Settings(log_file=str(self._folder / "smartdyn.log"))
        globalLogBeginner.beginLoggingTo(
            [LogOutput(settings, LogBuffer(), make_levels(settings))], redirectStandardIO=False
        )
        host = self._start_host()
        foreman = self._reactor.listenTCP(0, Site(CallbackReceiver(self._received)), interface="127.0.0.1")
        service = self._make_service(foreman.getHost().port)
        service.open()
        service.startService()
        await service.until_ready()
        url = f"http://127.0.0.1:{service.front.port()}"
        self._say(
            f"smartdyn listens on {url}, an SSH host on port {host.getHost().port}, a Foreman stand-in beside them"
        )
        try:
            await deadline(
                self._reactor, _LIMIT, "the demonstration", Deferred.fromCoroutine(self._play(url, host.getHost().port))
            )
            passed = self._sum_up(url)
            if keep:
                await self._wait(url)
        finally:
            await service.stopService()
            await foreman.stopListening()
            await host.stopListening()
        return 0 if passed else 1

    async def _play(self, url: str, ssh_port: int) -> None:
        """Launch the batch as Foreman does, and follow it as Foreman does."""
        answer = await treq.post(
            f"{url}/dynflow/tasks/launch", json={"operation": "ssh", "input": self._batch(url, ssh_port), "options": {}}
        )
        launched = await treq.json_content(answer)
        self._say(
            f"launched {len(self._names)} scripts; Foreman was answered with task {launched['parent']['task_id']}"
        )
        while len(self._callbacks) < len(self._names):
            for key in self._names:
                await self._show_output(url, key)
            await sleep(self._reactor, 0.2)
        for key in self._names:
            await self._show_output(url, key)

    def _batch(self, url: str, ssh_port: int) -> dict[str, Any]:
        batch = {}
        for name, script in _SCRIPTS.items():
            key = str(uuid.uuid4())
            self._names[key] = name
            batch[key] = {
                "action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
                "action_input": {
                    "hostname": "127.0.0.1",
                    "ssh_port": ssh_port,
                    "ssh_user": getpass.getuser(),
                    "effective_user": getpass.getuser(),
                    "effective_user_method": "sudo",
                    "script": script,
                    "remote_working_dir": str(self._folder),
                    "cleanup_working_dirs": True,
                    "execution_timeout_interval": None,
                    "first_execution": False,
                    "secrets": {"ssh_password": None, "key_passphrase": None, "effective_user_password": None},
                    "alternative_names": {"fqdn": "demo.example.org"},
                    "proxy_url": url,
                    "callback": {"task_id": key, "step_id": 3},
                },
            }
        return batch

    async def _show_output(self, url: str, key: str) -> None:
        """Show what is new of a script's output."""
        status = await treq.json_content(await treq.get(f"{url}/dynflow/tasks/{key}/status"))
        output = next(action["output"] for action in status["actions"] if "result" in action["output"])
        for chunk in output["result"][self._shown.get(key, 0) :]:
            for line in chunk["output"].splitlines():
                self._say(f"  [{self._names[key]:8}] {line}")
        self._shown[key] = len(output["result"])

    def _received(self, body: dict[str, Any]) -> None:
        key = body["callback"]["task_id"]
        self._callbacks[key] = body["data"]
        self._say(
            f"Foreman received a callback: the script that {self._names[key]} exited with {body['data']['exit_status']}"
        )

    def _sum_up(self, url: str) -> bool:
        exits = {self._names[key]: data["exit_status"] for key, data in self._callbacks.items()}
        passed = exits == {"succeeds": 0, "fails": 3, "is slow": 0}
        self._say(f"all {len(exits)} callbacks are with Foreman; the console is at {url}/console")
        self._say("everything went as it should" if passed else f"something is wrong: {exits}")
        return passed

    async def _wait(self, url: str) -> None:
        self._say(f"the service keeps running for you at {url}/console; end it with Ctrl-C")
        await Deferred()

    def _start_host(self) -> Any:
        make_key(self._folder / "client_key")
        make_key(self._folder / "host_key")
        factory = make_host(
            self._reactor, getpass.getuser(), self._folder / "client_key.pub", self._folder / "host_key"
        )
        return self._reactor.listenTCP(0, factory, interface="127.0.0.1")

    def _make_service(self, foreman_port: int) -> Smartdyn:
        settings = Settings(
            port=0,
            database="smartdyn.sqlite",
            foreman_url=f"http://127.0.0.1:{foreman_port}",
            ssh_identity_key_file="client_key",
            ssh_known_hosts_file="known_hosts",
            folder=self._folder,
        )
        around = Surroundings(
            reactor=self._reactor,
            now=time.time,
            random=random.random,
            environment=os.environ,
            hostname=socket.gethostname(),
            pid=os.getpid(),
        )
        return Smartdyn(settings, around, self._failed)

    def _failed(self, error: BaseException) -> None:
        self._say(f"the service could not start: {error}")
        self._reactor.stop()

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:5.1f} s  {text}", file=sys.stdout, flush=True)
