"""The inside of a service that works."""

from __future__ import annotations

import re
import uuid

from tests.integration.test_service import ServiceTestCase


class InsideTests(ServiceTestCase):
    """C{/console/status} with a job under way."""

    async def test_a_job_under_way(self) -> None:
        """Its connection names it, and what runs it shows where it waits, and nothing of what it knows."""
        service, client = await self.start_with_sshd()
        task = str(uuid.uuid4())
        job = self.job("echo begun; sleep 30", secrets={"ssh_password": "planted"})
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": {task: job}})
        await client.until(f"/tasks/{task}/status", lambda found: found["actions"][1]["output"]["result"])
        page = (await client.request("GET", "/console/status")).content.decode()
        row = next(line for line in page.splitlines() if "root@127.0.0.1" in line)
        self.assertIn("<td>open</td>", row)
        self.assertIn(f'href="/console/{task}"', row)
        self.assertIn(f"process {service.pid}", page)
        row = next(line for line in page.splitlines() if f"runner of task {task}" in line)
        places = re.findall(r"<code>(\S+?):\d+ (\S+)</code>", row)
        self.assertEqual(places[0], ("smartdyn/actions/dispatcher.py", "RunnerDispatcher._run"))
        self.assertIn(("smartdyn/rex/remote.py", "RemoteScript.follow"), places)
        self.assertIn("smartdyn.ssh.connection.Connection._check_alive", page)
        self.assertNotIn("planted", page)
        await client.request("POST", f"/tasks/{task}/cancel", "")
        await self.foreman.when_received(1)
