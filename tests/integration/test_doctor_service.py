"""The command C{smartdyn doctor} beside a real service, and on a real host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.http import Client
from tests.support.service import ROOT, ServiceProcess
from tests.support.sshd import free_port, shared, write_key

_COMMAND = "import sys; from smartdyn.cli.main import main; sys.exit(main(sys.argv[1:]))"


async def doctor(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Status, and the checks by their ids."""
    done: subprocess.CompletedProcess[str] = await deferToThread(
        subprocess.run,
        [sys.executable, "-c", _COMMAND, "doctor", "-c", str(folder), "-o", "json", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    if done.stderr:
        raise AssertionError(done.stderr)
    return done.returncode, {each["id"]: each for each in json.loads(done.stdout)["checks"]}


class ServiceTests(TestCase):
    """The service up and down."""

    timeout = 300

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        write_key(folder / "id", "ecdsa")
        settings = {"ssh_identity_key_file": str(folder / "id"), "foreman_url": f"http://127.0.0.1:{free_port()}"}
        self.service = ServiceProcess(settings)
        self.addCleanup(self.service.kill)

    async def test_up_and_down(self) -> None:
        """A running service is found by its lock, has its ports and answers; one that is down is no error by itself."""
        await self.service.start()
        _, up = await doctor(self.service.folder)
        self.assertEqual(up["ready"]["text"], "The service is ready.")
        self.assertEqual(up["ports"]["text"], "The ports are ours.")
        self.assertEqual(up["version"]["status"], "ok")
        self.assertRegex(up["open-files"]["text"], r"The service may open \d+ files\.")
        self.assertEqual(up["vault-key"]["status"], "ok")
        await self.service.stop()
        _, down = await doctor(self.service.folder)
        self.assertEqual(down["ready"]["text"], "The service is down.")
        self.assertEqual(down["ports"]["text"], "The ports are free.")
        for found in (up, down):
            bad = {id for id, each in found.items() if each["kind"] not in ("host", "foreman") and each["fix"]}
            self.assertEqual(bad, set())

    async def test_a_callback_on_its_way(self) -> None:
        """What Foreman was not told yet is seen while the service runs, and Foreman is named as the cause."""
        await self.service.start()
        client = Client(reactor, self.service.url)
        body = {
            "action_name": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
            "action_input": {
                "hostname": "127.0.0.1",
                "ssh_port": free_port(),
                "script": "true",
                "callback": {"task_id": "1", "step_id": 2},
            },
        }
        task = (await client.request("POST", "/tasks", body)).json["task_id"]
        await client.until(f"/tasks/{task}/status", lambda status: status["state"] == "stopped")
        status, found = await doctor(self.service.folder, "--only", "callbacks", "--only", "foreman-reachable")
        self.assertEqual((status, found["foreman-reachable"]["status"]), (1, "error"))
        self.assertIn("1 callbacks are on their way", found["callbacks"]["text"])

    async def test_a_host(self) -> None:
        """C{--host} logs in and looks."""
        server = shared()
        self.service.set("ssh_identity_key_file", str(server.key()))
        status, found = await doctor(self.service.folder, "--host", f"rexssh@127.0.0.1:{server.port}")
        self.assertEqual((status, found["target-user"]["text"]), (0, "rexssh may become root."))
