"""What Foreman reads of the log."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.log import request_context
from smartdyn.log_buffer import LogBuffer
from smartdyn.web.host_keys import HostKeyApi
from smartdyn.web.logs import LogApi
from tests.support.web import WebTestCase


def event(text: str, level: Any = LogLevel.info, at: float = 1.0, **fields: Any) -> dict[str, Any]:
    """An event of Twisted's logger."""
    return {"log_format": text, "log_level": level, "log_time": at, **fields}


class BufferTests(SynchronousTestCase):
    """L{LogBuffer}."""

    def test_lines(self) -> None:
        """Come with level, request and backtrace; what is not important enough is not kept."""
        buffer = LogBuffer()
        buffer(event("ignored", LogLevel.debug))
        with request_context("0123456789"):
            buffer(event("said", at=2.5))
        buffer(event("", LogLevel.critical, log_failure=Failure(ValueError("bad"))))
        first, second = (record.to_json() for record in buffer.since(0))
        self.assertEqual(first, {"timestamp": 2.5, "level": "INFO", "message": "said", "request_id": "01234567"})
        self.assertEqual((second["level"], second["message"]), ("FATAL", "bad"))
        self.assertIn("ValueError", second["backtrace"])

    def test_errors_stay_longer(self) -> None:
        """When the buffer is full the oldest lines go, but of them the errors are kept, up to a number."""
        buffer = LogBuffer(size=3, tail_size=2)
        for number in range(10):
            buffer(event(str(number), LogLevel.error if number % 2 else LogLevel.info, float(number)))
        self.assertEqual([record.message for record in buffer.since(-1)], ["3", "5", "7", "8", "9"])
        self.assertEqual([record.message for record in buffer.since(7)], ["8", "9"])


class RouteTests(WebTestCase):
    """C{/logs} and C{/ssh/known_hosts}."""

    def make(self) -> None:
        self.buffer = LogBuffer()
        self.forgotten: list[str] = []
        super().make()

    def more_routes(self) -> list[Any]:
        """Those of these tests."""
        logs = LogApi(self.buffer, lambda: {"script": "no key"})
        return [*logs.routes(), *HostKeyApi(self.engine.tasks.control, self.forgotten.append).routes()]

    def test_logs(self) -> None:
        """As the reference gives them (G:meta)."""
        self.buffer(event("before", LogLevel.warn, 5.0))
        self.buffer(event("after", LogLevel.warn, 15.25))
        status, body = self.request("GET", "/logs/?from_timestamp=10.5")
        self.assertEqual(status, 200)
        self.assertEqual(
            body["info"],
            {"size": 2000, "tail_size": 1000, "level": None, "level_tail": 3, "failed_modules": {"script": "no key"}},
        )
        self.assertEqual(body["logs"], [{"timestamp": 15.25, "level": "WARN", "message": "after"}])
        self.assertEqual(len(self.request("GET", "/logs")[1]["logs"]), 2)
        self.assertEqual(self.request("GET", "/logs/?from_timestamp=x")[0], 400)

    def test_known_hosts(self) -> None:
        """A host is forgotten; the answer is empty."""
        self.assertEqual(self.request("DELETE", "/ssh/known_hosts/host.example.org")[0], 204)
        self.assertEqual(self.forgotten, ["host.example.org"])
