"""The numbers of a service that works: a real sshd, and a Foreman that stumbles once."""

from __future__ import annotations

import uuid

from tests.integration.test_service import ServiceTestCase
from tests.support.numbers import Numbers

_PHASES = ("resolve", "connect", "key_exchange", "authentication", "log_in", "channel_open", "first_byte")


class MetricsTests(ServiceTestCase):
    """C{/metrics}."""

    async def test_a_day_in_short(self) -> None:
        """Jobs that end well and badly, their connections, output, callbacks and requests are all counted."""
        self.foreman.statuses = [500]
        _, client = await self.start_with_sshd()
        unreachable = self.job("true", ssh_port=1)
        jobs = [self.job("printf 'one\\ntwo\\n'"), self.job("exit 3"), unreachable]
        body = {"operation": "ssh", "input": {str(uuid.uuid4()): job for job in jobs}}
        await client.request("POST", "/tasks/launch", body)
        await self.foreman.when_received(4)
        found = Numbers((await client.request("GET", "/metrics")).content.decode())
        self.assertEqual(found.get("smartdyn_launches_total", operation="ssh", result="accepted"), 1)
        for result in ("success", "failure", "error"):
            self.assertEqual(found.get("smartdyn_jobs_ended_total", result=result), 1)
        self.assertEqual(found.get("smartdyn_output_lines_total", type="stdout"), 2)
        for phase in _PHASES:
            self.assertGreater(found.get("smartdyn_ssh_phase_seconds_count", phase=phase), 0, phase)
        self.assertEqual(found.get("smartdyn_ssh_failures_total", reason="refused"), 1)
        self.assertEqual(found.get("smartdyn_ssh_leases_total"), 3)
        self.assertGreater(found.get("smartdyn_ssh_received_bytes_total"), 1000)
        self.assertEqual(found.get("smartdyn_callback_attempts_total", status="500"), 1)
        self.assertEqual(found.get("smartdyn_callback_outcomes_total", outcome="retry"), 1)
        self.assertGreater(found.get("smartdyn_database_commit_seconds_count"), 3)
        self.assertGreater(found.get("smartdyn_database_size_bytes"), 0)
        self.assertGreater(found.get("smartdyn_disk_free_bytes"), 0)
        self.assertEqual(found.get("smartdyn_http_requests_total", route="/tasks/launch", status="200"), 1)
        self.assertEqual(found.get("smartdyn_http_requests_in_flight"), 1)
        self.assertGreater(found.get("smartdyn_reactor_lag_seconds_count"), 0)
        self.assertEqual(found.get("smartdyn_queue_limit", queue="default"), 5)
        self.assertEqual(found.get("smartdyn_build_info"), 1)
        self.assertGreater(found.get("process_resident_memory_bytes"), 0)
        self.assertEqual([name for name in found.families if name.endswith("_created")], [])
