"""A service whose disk takes nothing more."""

from __future__ import annotations

import subprocess

from tests.integration.test_service import ServiceTestCase
from tests.support.numbers import Numbers


class FullDiskTests(ServiceTestCase):
    """C{/health/ready} while nothing can be written."""

    async def test_a_disk_that_is_full(self) -> None:
        """The service says so, refuses what it could lose, stays alive, and is ready again without a restart."""
        service, client = await self.start()
        self.limit_files(service.pid, "1000")
        launch = {"action_name": "Rig::Noop", "action_input": {"text": "x" * 1000}}
        self.assertEqual((await client.request("POST", "/tasks", launch)).status, 503)
        answer = await client.request("GET", "/health/ready")
        self.assertEqual((answer.status, answer.json["checks"]["database"]["blocks"]), (503, True))
        self.assertIn("cannot be written", answer.json["reasons"][0])
        self.assertEqual((await client.request("GET", "/health/live")).status, 200)
        found = Numbers((await client.request("GET", "/metrics")).content.decode())
        self.assertEqual((found.get("smartdyn_ready"), found.get("smartdyn_problem", check="database")), (0, 1))
        self.assertGreater(found.get("smartdyn_database_errors_total", kind="failed"), 0)
        self.limit_files(service.pid, "unlimited")
        self.assertEqual((await client.request("GET", "/health/ready")).status, 200)
        self.assertEqual((await client.request("POST", "/tasks", launch)).status, 200)

    def limit_files(self, pid: int, size: str) -> None:
        """Let a process write no file beyond a size."""
        subprocess.run(["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"], check=True)
