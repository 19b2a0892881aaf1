"""The log of a service that works."""

from __future__ import annotations

import json
import uuid

from tests.integration.test_service import ServiceTestCase


class JsonLogTests(ServiceTestCase):
    """C{log_format: json}."""

    async def test_from_the_request_to_the_callback(self) -> None:
        """Each line is an object; those of a job carry its request, its task, its host and its step."""
        service, client = await self.start_with_sshd(log_format="json", log_levels={"ssh": "debug"})
        task = str(uuid.uuid4())
        job = self.job("true", ssh_port=1)
        body = {"operation": "ssh", "input": {task: job}}
        answer = await client.request("POST", "/tasks/launch", body, {"X-Request-Id": "of-foreman-1"})
        self.assertEqual(answer.headers["x-request-id"], "of-foreman-1")
        await self.foreman.when_received(1)
        await service.stop()
        lines = [json.loads(line) for line in service.log.read_text().splitlines()]
        self.assertTrue(all({"time", "level", "part", "message"} <= set(line) for line in lines))
        mine = [line for line in lines if line.get("task_id") == task]
        self.assertEqual({line.get("request_id") for line in mine}, {"of-foreman-1"})
        failed = next(line for line in lines if line["part"].startswith("rex"))
        self.assertEqual((failed["host"], failed["task_id"], failed["step"]), ("127.0.0.1", task, 3))
        self.assertIn("foreman.outbox", {line["part"] for line in mine})

    async def test_levels_while_it_runs(self) -> None:
        """A part says more from the moment when somebody asks for it, and what is not asked for stays silent."""
        service, client = await self.start(log_level="ERROR")
        await client.request("GET", "/version")
        await client.request("PUT", "/logs/levels", {"levels": {"web.site": "info"}})
        await client.request("GET", "/features")
        text = service.log.read_text()
        self.assertIn("GET /features", text)
        self.assertNotIn("GET /version", text)
        self.assertNotIn("is ready", text)

    async def test_an_id_that_is_no_id(self) -> None:
        """What could look like something else in a line of the log is replaced by an id of our own."""
        _, client = await self.start()
        answer = await client.request("GET", "/version", headers={"X-Request-Id": 'a" [E] fake'})
        self.assertEqual(len(answer.headers["x-request-id"]), 36)
