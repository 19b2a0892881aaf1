"""The commands at the end of a task's page, pasted into a shell: real curl, the real command, real services."""

from __future__ import annotations

import html
import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import HTTPSHandler, build_opener

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.certificates import Authority
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ROOT, ServiceProcess
from tests.support.sshd import free_port

CLOCK: Any = reactor
NAME = "localhost"
WAYS = ("copy", "copy-curl")
"""What the ids of the commands of both kinds begin with."""

_SMARTDYN = """#!/bin/sh
PYTHONPATH={root} exec {python} -c 'import sys; from smartdyn.cli.main import main; sys.exit(main())' "$@"
"""


class PastedTests(TestCase):
    """Each command does what it says."""

    timeout = 300

    def setUp(self) -> None:
        if shutil.which("curl") is None:
            self.skipTest("curl is not here")
        # a blank in the name has to be quoted
        self.folder = Path(self.mktemp()).absolute() / "our files"
        self.authority = Authority(self.folder)
        smartdyn = self.folder / "smartdyn"
        smartdyn.write_text(_SMARTDYN.format(root=ROOT, python=sys.executable))
        smartdyn.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMARTDYN_")}
        self.environment = {**kept, "PATH": f"{self.folder}:{os.environ['PATH']}"}

    async def start(self, **settings: Any) -> None:
        """Start a service, and a Foreman that takes every result only the second time."""
        foreman = RecordingForeman([404, 200, 404])
        self.addCleanup(lambda: Deferred.fromCoroutine(foreman.stop()))
        service = ServiceProcess({"foreman_url": foreman.start(CLOCK), **settings})
        if "http_port" in settings:
            service.url = f"http://127.0.0.1:{settings['http_port']}"
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        self.client = Client(CLOCK, service.url)
        self.page = f"{service.url}/dynflow/console"
        self.shown: tuple[Path, Path] | None = None

    def tls(self) -> dict[str, Any]:
        """Settings for TLS, without a unix socket."""
        certificate, key = self.authority.issue(NAME, file="server")
        return {
            "http_port": free_port(),
            "bind_host": "127.0.0.1",
            "socket": "",
            "trusted_hosts": [NAME],
            "ssl_ca_file": str(self.authority.path),
            "ssl_certificate": str(certificate),
            "ssl_private_key": str(key),
        }

    def seen(self, port: int, certificate: tuple[Path, Path]) -> None:
        """Have pages be looked at with TLS."""
        self.page, self.shown = f"https://{NAME}:{port}/dynflow/console", certificate

    async def launch(self, name: str = "Rig::WaitForUpdate", state: str = "running", **input: Any) -> str:
        """A task, and what becomes of it."""
        body = {"operation": "single", "input": {"action_class": name, "action_input": input}}
        task: str = (await self.client.request("POST", "/dynflow/tasks/launch", body)).json["task_id"]
        await self.until(task, state)
        return task

    async def until(self, task: str, state: str) -> None:
        """Wait for a state."""
        await self.client.until(f"/dynflow/tasks/{task}/status", lambda found: found["state"] == state, 20.0)

    async def commands(self, task: str, way: str) -> dict[str, str]:
        """What the page of a task has, by titles."""

        def read() -> str:
            context = ssl.create_default_context(cafile=str(self.authority.path))
            if self.shown is not None:
                context.load_cert_chain(*self.shown)
            with build_opener(HTTPSHandler(context=context)).open(f"{self.page}/{task}", timeout=30) as answer:
                found: bytes = answer.read()
            return found.decode()

        text = await deferToThread(read)
        found = re.findall(rf'<span class="what">([^<]*)</span> <code id="{way}-(?:\d+|raw)">([^<]*)</code>', text)
        return {title: html.unescape(command) for title, command in found}

    async def paste(self, task: str, way: str, title: str) -> str:
        """Run a command of a task's page; what it prints."""
        command = (await self.commands(task, way))[title]
        self.assertTrue(command.startswith("curl " if way == "copy-curl" else "smartdyn "), command)

        def run() -> subprocess.CompletedProcess[str]:
            arguments = ["sh", "-c", command]
            environment = self.environment
            return subprocess.run(
                arguments, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60
            )

        done = await deferToThread(run)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        self.assertNotIn('{"error"', done.stdout, command)
        return done.stdout

    async def look_and_cancel(self) -> None:
        """Enough to see that the service is reached."""
        for way in WAYS:
            task = await self.launch()
            self.assertIn(task, await self.paste(task, way, "What happened"))
            await self.paste(task, way, "Cancel")
            await self.until(task, "stopped")

    async def everything(self) -> None:
        """All that a page may have."""
        for way in WAYS:
            for deed in ("Cancel", "Cancel by force", "Cancel step 2", "Halt"):
                task = await self.launch()
                await self.paste(task, way, deed)
                await self.until(task, "paused" if deed == "Cancel by force" else "stopped")
            self.assertIn(task, await self.paste(task, way, "What happened"))
            await self.paste(task, way, "Its output")

            task = await self.launch("Rig::RaiseInRun", "paused")
            await self.paste(task, way, "Skip step 2")
            await self.paste(task, way, "Resume")
            await self.until(task, "stopped")
            steps = (await self.client.request("GET", f"/dynflow/api/tasks/{task}")).json["steps"]
            self.assertEqual(steps[1]["state"], "skipped")

            task = await self.launch("Rig::NoopCallback", "stopped", callback={"task_id": "t", "step_id": 3})
            told = f"/dynflow/api/tasks/{task}"
            await self.client.until(told, lambda found: found["callbacks"][0]["state"] == "parked", 20.0)
            await self.paste(task, way, "Send the result again")
            await self.client.until(told, lambda found: found["callbacks"][0]["state"] == "delivered", 20.0)
        self.assertIn('"class":"Dynflow::ExecutionPlan"', await self.paste(task, "copy-curl", "As Foreman gets it"))

    async def test_over_the_socket(self) -> None:
        """Where there is one it is used, however the page was reached."""
        await self.start()
        await self.everything()

    async def test_over_tls(self) -> None:
        """Without one the address of the page is, with the certificate that the machine has."""
        port = free_port()
        await self.start(https_port=port, **self.tls())
        self.seen(port, self.authority.issue(NAME, file="visitor"))
        await self.everything()

    async def test_a_core_with_tls(self) -> None:
        """That lets in one certificate only is shown that one."""
        port, proxy = free_port(), self.authority.issue("proxy.example.org")
        files = {"foreman_ssl_cert": str(proxy[0]), "foreman_ssl_key": str(proxy[1])}
        await self.start(use_https=True, port=port, **files, **self.tls())
        self.seen(port, proxy)
        await self.look_and_cancel()

    async def test_without_either(self) -> None:
        """Where anybody on the machine may ask, it is asked."""
        await self.start(socket="")
        await self.look_and_cancel()
