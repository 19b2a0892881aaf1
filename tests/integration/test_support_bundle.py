"""Support bundles of a real service, up and down, with secrets wherever there may be some."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from smartdyn.aio import sleep
from tests.support import planting
from tests.support.certificates import Authority
from tests.support.command import Command
from tests.support.http import Client
from tests.support.planting import HOSTS
from tests.support.plants import Plants
from tests.support.service import ServiceProcess

_RUN_SCRIPT = "Proxy::RemoteExecution::Ssh::Actions::RunScript"


class BundleTests(TestCase):
    """Sixty secrets and more."""

    timeout = 300

    async def start(self) -> None:
        """Start a service that has them and logs all it can, and let it work with them."""
        self.plants = Plants()
        settings = {
            "log_level": "DEBUG",
            "log_file": "smartdyn.log",
            "execution_plan_cleaner_age": 0,
            "mqtt_broker": f"mqtts://bob:{self.plants('password in a setting')}@mqtt.example.org",
            "ssh_identity_key_file": "id_rsa",
        }
        self.service = ServiceProcess(settings, environment=planting.environment(self.plants))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        self.folder = self.service.folder
        planting.keys(self.folder, self.plants)
        certificate, key = Authority(self.folder).issue("proxy.example.org")
        self.service.set("foreman_ssl_cert", str(certificate))
        self.service.set("foreman_ssl_key", str(key))
        self.shown = planting.fill(self.folder / "smartdyn.sqlite", self.plants)
        self.tasks = list(self.shown)
        await self.service.start()
        client = Client(reactor, self.service.url)
        for _ in range(2):
            await self.run_job(client)
        query = f"/tasks/count?state=all&access_token={self.plants('query')}"
        await client.request("GET", query, headers=planting.headers(self.plants))

    async def run_job(self, client: Client) -> None:
        """Run a job that fails."""
        given = {
            "action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
            "action_input": planting.job(self.plants),
        }
        body = {"operation": "single", "input": given}
        task = (await client.request("POST", "/tasks/launch", body)).json["task_id"]
        while (await client.request("GET", f"/tasks/{task}/status")).json["state"] != "stopped":
            await sleep(reactor, 0.1)

    async def bundle(self, name: str, *arguments: str) -> dict[str, str]:
        """The files in a bundle."""
        path = self.folder / name
        command = Command(self.service)
        status, _, self.errors = await command.run(
            "support-bundle", "-c", str(self.folder), "-o", str(path), *arguments
        )
        self.assertEqual(status, 0, self.errors)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        with tarfile.open(path) as archive:
            return {
                entry.name.partition("/")[2]: io.TextIOWrapper(archive.extractfile(entry) or io.BytesIO()).read()
                for entry in archive.getmembers()
            }

    def found(self, files: Mapping[str, str]) -> list[tuple[str, str]]:
        """Which secrets are where."""
        return self.plants.found({name: text.encode() for name, text in files.items()}, shown_with_tasks=())

    def assert_clean(self, files: dict[str, str]) -> None:
        """None of the secrets is in any of these; what is no secret is there."""
        self.assertGreaterEqual(len(self.plants.all), 60)
        self.assertEqual(self.found(files), [])
        for host in HOSTS:
            self.assertIn(host, files["tasks/failed.json"])

    async def test_with_the_service(self) -> None:
        """Everything a case needs is there, and no secret; nor is there any in the log, whatever the level."""
        await self.start()
        written = (self.folder / "smartdyn.log").read_text()
        self.assertEqual(self.found({"log": written}), [])
        self.assertIn("/tasks/count", written)
        with (self.folder / "smartdyn.log").open("a") as log:
            log.write(planting.log_lines(self.plants))
        files = await self.bundle("up.tar.gz", "--task", self.tasks[0][:12])
        self.assert_clean(files)
        self.assertEqual(json.loads(files["service/live.json"])["status"], "alive")
        self.assertTrue(json.loads(files["service/status.json"])["health"])
        self.assertTrue(json.loads(files["service/log.json"]))
        self.assertIn("smartdyn_", files["service/metrics.txt"])
        self.assertEqual(files["database/check.txt"], "It is sound.\n")
        self.assertEqual(files["log-file.txt"].count("web0.example.org"), 4)
        self.assert_tells_of_failures(files)
        (certificate,) = json.loads(files["certificates.json"])["foreman_ssl_cert"]
        self.assertEqual(certificate["subject"], "CN=proxy.example.org")
        self.assertEqual(json.loads(files[f"tasks/{self.tasks[0][:12]}.json"])["id"], self.tasks[0])
        self.assertIn("What could not be found out:\n- nothing\n", files["MANIFEST"])

    def assert_tells_of_failures(self, files: dict[str, str]) -> None:
        """States, causes and times of tasks, without what they were given or have said."""
        failed: list[dict[str, Any]] = json.loads(files["tasks/failed.json"])
        self.assertEqual(len(failed), len(HOSTS) + 2)
        first = failed[-1]
        self.assertEqual((first["state"], first["result"], first["cause"]), ("stopped", "error", "exit-1"))
        self.assertEqual([step["state"] for step in first["steps"]], ["success", "success", "error"])
        self.assertGreater(first["output"]["characters"], 0)
        numbers = json.loads(files["database/numbers.json"])
        self.assertEqual(sum(each["count"] for each in numbers["tasks"]), len(HOSTS) + 3)

    async def test_with_output(self) -> None:
        """Scripts and outputs are there of the tasks that were asked for, and of no other; passwords are not."""
        await self.start()
        task = self.tasks[0]
        files = await self.bundle("task.tar.gz", "--task", task, "--with-output", "--task", "no-such-task")
        self.assertIn("There is no task no-such-task", files["MANIFEST"])
        self.assertIn("There is no task no-such-task", self.errors)
        for secret in self.shown[task]:
            self.assertIn(secret, "".join(files.values()))
        self.plants.all = [plant for plant in self.plants.all if plant.value not in self.shown[task]]
        self.assert_clean(files)

    async def test_without_the_service(self) -> None:
        """With settings that it does not start with, what it would say is missing, and everything else is there."""
        await self.start()
        await self.service.stop()
        path = Path(self.folder / "settings.yml")
        path.write_text(path.read_text() + planting.unusable_settings(self.plants))
        files = await self.bundle("down.tar.gz")
        self.assert_clean(files)
        self.assert_tells_of_failures(files)
        self.assertIn(
            "live, ready, version, features, status, queue, metrics, log: The service is not running", self.errors
        )
        self.assertIn("there is no setting `foreman_password`", files["settings-places.json"])
        self.assertNotIn("service/live.json", files)
