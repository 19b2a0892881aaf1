"""The example of the authors' guide is built, installed, tested and used, as an author would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.http import Client
from tests.support.service import ServiceProcess

EXAMPLE = Path(__file__).parents[2] / "docs" / "example"


class ExampleTests(TestCase):
    """C{docs/example}."""

    timeout = 300

    def build(self) -> Path:
        """Build and install it into a directory of its own."""
        source, target = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        shutil.copytree(EXAMPLE, source)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
        done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return target

    async def test_its_own_tests(self) -> None:
        """They pass."""
        target = await deferToThread(self.build)
        path, temporary = os.pathsep.join([str(target), str(EXAMPLE.parents[1])]), Path(self.mktemp()).absolute()
        done = await deferToThread(
            subprocess.run,
            [
                sys.executable,
                "-m",
                "twisted.trial",
                f"--temp-directory={temporary}",
                "tests.test_example",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=EXAMPLE,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.assertIn("PASSED (successes=5)", done.stdout, done.stdout + done.stderr)

    async def test_in_the_service(self) -> None:
        """The service finds it by its entry point; a plugin that is broken is reported and does not matter."""
        target = await deferToThread(self.build)
        service = ServiceProcess({}, {"SMARTDYN_TEST_PLUGINS": str(target)})
        broken = target / "broken-1.dist-info"
        broken.mkdir()
        broken.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
        broken.joinpath("entry_points.txt").write_text("[smartdyn.plugins]\nbroken = nowhere:install\n")
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        client = Client(reactor, service.url)
        job = {"action_class": "Example::UpdateHost", "action_input": {"host": "h.example", "packages": ["bash"]}}
        answer = await client.request("POST", "/tasks/launch", {"operation": "single", "input": job})
        status = await client.until(
            f"/tasks/{answer.json['task_id']}/status", lambda found: found["state"] == "stopped"
        )
        self.assertEqual(status.json["result"], "success")
        self.assertEqual(status.json["actions"][0]["output"]["result"][0]["output"], "h.example: bash is up to date\n")
        self.assertIn("the plugin broken cannot be used", service.log.read_text())
