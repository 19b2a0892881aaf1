"""The OpenAPI document, and what a fuzzer that reads it finds."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.http import Client
from tests.support.in_process import smartdyn
from tests.support.service import ServiceProcess


class ServiceTestCase(TestCase):
    """Has a service."""

    timeout = 300

    async def start(self) -> Client:
        """Start it."""
        self.service = ServiceProcess({})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        await self.service.start()
        return Client(reactor, self.service.url)


class DocumentTests(ServiceTestCase):
    """C{/openapi.json}."""

    async def test_every_route_is_described(self) -> None:
        """With its parameters, bodies and answers."""
        client = await self.start()
        document = (await client.request("GET", "/openapi.json")).json
        self.assertEqual(document["openapi"], "3.1.0")
        for path in ("/tasks/launch", "/tasks/{plan_id}/status", "/v2/features", "/logs", "/console", "/metrics"):
            self.assertIn(path, document["paths"])
        launch = document["paths"]["/tasks/launch"]["post"]
        self.assertEqual(
            launch["requestBody"]["content"]["application/json"]["schema"], {"$ref": "#/components/schemas/Launch"}
        )
        self.assertEqual(document["components"]["schemas"]["Launch"]["required"], ["operation"])
        operations = [each for found in document["paths"].values() for each in found.values()]
        self.assertEqual([each for each in operations if not each["summary"]], [])
        self.assertEqual(len({each["operationId"] for each in operations}), len(operations))

    async def test_without_the_service(self) -> None:
        """The command line has the same document, as JSON and as YAML."""
        client = await self.start()
        document = (await client.request("GET", "/openapi.json")).json
        self.assertEqual(json.loads(smartdyn("openapi").output), document)
        self.assertEqual(yaml.safe_load(smartdyn("openapi", "-o", "yaml").output), document)
        below = json.loads(smartdyn("openapi", "--prefix", "/dynflow").output)["paths"]
        self.assertIn("/dynflow/tasks/launch", below)
        self.assertIn("/logs", below)

    async def test_schemathesis(self) -> None:
        """Finds no failure: no 5xx, and answers that are as the document says."""
        await self.start()
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        done = await deferToThread(
            subprocess.run,
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{self.service.url}/openapi.json",
                f"--checks={checks}",
                "--max-examples=25",
                "--phases=examples,coverage,fuzzing",
                "--seed=1",
                "--no-color",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.service.folder,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])


class NoiseTests(ServiceTestCase):
    """Bytes that are no HTTP."""

    def shout(self, data: bytes) -> None:
        """Send them and leave."""
        with socket.create_connection(("127.0.0.1", self.service.port), 5) as connection:
            connection.settimeout(0.03)
            try:
                connection.sendall(data)
                connection.recv(100)
            except OSError:
                return

    def resident(self) -> int:
        """Kilobytes of memory in use."""
        return int(Path(f"/proc/{self.service.pid}/statm").read_text().split()[1]) * 4

    async def test_noise(self) -> None:
        """The service goes on answering, and its memory does not grow."""
        client = await self.start()
        chance = random.Random(1)

        def noise() -> Any:
            start = chance.choice(
                [b"", b"GET / HTTP/1.1\r\n", b"POST /tasks/launch HTTP/1.1\r\nContent-Length: 10\r\n\r\n"]
            )
            self.shout(start + chance.randbytes(chance.randrange(2000)))

        for _ in range(50):
            await deferToThread(noise)
        before = self.resident()
        for _ in range(150):
            await deferToThread(noise)
        self.assertLess(self.resident() - before, 5_000)
        self.assertEqual((await client.request("GET", "/tasks/count")).status, 200)
