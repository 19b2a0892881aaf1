"""A recording of what the Ruby plugin makes of a core's answers, replayed through our relay before such a core."""

from __future__ import annotations

import gzip
import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.replay import GOLDEN
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

ADDRESS = "127.0.0.1"
JSON = {"Content-Type": "application/json"}
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "404": (404, JSON, b'{"error":"no such task"}'),
    "500": (500, {"Content-Type": "text/plain"}, b"core exploded"),
    "302": (302, {"Content-Type": "text/html", "Location": "/elsewhere"}, b""),
    "204": (204, {}, b""),
    "noct": (200, {}, b"plain bytes"),
    "binary": (200, {"Content-Type": "application/octet-stream"}, bytes(range(256))),
    "chunked": (200, {**JSON, "Transfer-Encoding": "chunked"}, b'4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n'),
    "gzip": (200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b'{"zipped":true}')),
    "slow": (200, JSON, b'{"core":"ok","target":"/tasks/count?"}'),
}
"""What the core of the recording said, by how it was told to behave."""

BETTER = {"close": 502, None: 502}
"""A core that closes the connection, and one that is gone: pages of 270 kB there, a reason here."""


class Core(ThreadingHTTPServer):
    """Answers as it is told, and keeps what it was asked."""

    mode = ""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        super().__init__((ADDRESS, 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Core
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.server.received.append({"line": self.requestline, "headers": dict(self.headers), "body": body})
        self.close_connection = True
        if self.server.mode == "close":
            return
        status, headers, content = ANSWERS[self.server.mode]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204 and "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, *arguments: Any) -> None:
        """Nothing is said on the terminal."""


class ForwarderTests(TestCase):
    """Replays it."""

    timeout = 300

    def send(self, exchange: dict[str, Any], port: int) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        connection = HTTPConnection(ADDRESS, port, timeout=60)
        try:
            connection.request(exchange["method"], exchange["path"], exchange["body"], exchange["headers"])
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    async def test_answers_of_a_core(self) -> None:
        """Get through with status, type and body, a redirection with its target; the core is asked once for each."""
        core, port = Core(), free_port()
        address = core.server_address[1]
        settings = {"http_port": port, "bind_host": ADDRESS, "core_url": f"http://{ADDRESS}:{address}"}
        service = ServiceProcess(settings)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        for each in json.loads((GOLDEN / "forwarder-core-errors.json").read_text())["exchanges"]:
            mode = each["core_mode"]
            if mode == "slow65":
                # From here on there is no core
                core.stop()
                continue
            if each["path"] == "/features":
                continue
            core.mode, core.received = mode, []
            status, headers, body = await deferToThread(self.send, each, port)
            self.assertEqual(status, BETTER.get(mode, each["status"]), (each, body))
            if mode in BETTER:
                self.assertIn("cannot be asked", json.loads(body)["error"])
            else:
                self.assert_same(each, headers, body)
            if mode is not None:
                self.assert_asked(each, core, f"{ADDRESS}:{port}")

    def assert_same(self, recorded: dict[str, Any], headers: dict[str, str], body: bytes) -> None:
        """The answer is the core's."""
        kind = (recorded["content_type"] or "").partition(";")[0]
        self.assertEqual(headers.get("content-type", "").partition(";")[0], kind)
        if recorded["json"] is not None:
            self.assertEqual(json.loads(body), recorded["json"])
        elif recorded["text"] is not None:
            self.assertEqual(body.decode(), recorded["text"])
        else:
            self.assertEqual(body, ANSWERS[recorded["core_mode"]][2])
        location = ANSWERS[recorded["core_mode"]][1].get("Location")
        self.assertEqual(headers.get("location"), location)

    def assert_asked(self, recorded: dict[str, Any], core: Core, host: str) -> None:
        """Once, for the same, with what the Ruby plugin says of the client; that one asks again when nothing comes."""
        (received,), wanted = core.received, recorded["core_received"][0]
        self.assertEqual(received["line"], wanted["request_line"].replace("? ", " "))
        self.assertEqual(received["body"], wanted["body"])
        headers = dict(line.split(": ", 1) for line in wanted["headers"])
        self.assertEqual(received["headers"]["Content-Type"], headers["Content-Type"])
        self.assertEqual(received["headers"]["X-Forwarded-For"], host)
        self.assertEqual("Authorization" in received["headers"], "Authorization" in headers)
