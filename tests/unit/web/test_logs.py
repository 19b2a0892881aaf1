"""What Foreman reads of the log."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.log.buffer import LogBuffer
from smartdyn.log.context import Subject, about
from smartdyn.log.control import LevelControl
from smartdyn.log.levels import Levels
from smartdyn.model.audit import AuditQuery
from smartdyn.testing.engine import done
from smartdyn.web.host_keys import HostKeyApi
from smartdyn.web.log_levels import LogLevelApi
from smartdyn.web.logs import LogApi
from tests.support.web import WebTestCase


def event(text: str, level: Any = LogLevel.info, at: float = 1.0, **fields: Any) -> dict[str, Any]:
    """An event of Twisted's logger."""
    return {"log_format": text, "log_level": level, "log_time": at, **fields}


class BufferTests(SynchronousTestCase):
    """L{LogBuffer}."""

    def test_lines(self) -> None:
        """Come with level, request and backtrace."""
        buffer = LogBuffer()
        with about(Subject(request_id="0123456789")):
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


class LevelRouteTests(WebTestCase):
    """C{/logs/levels}."""

    def make(self) -> None:
        self.levels = Levels("INFO", {"web": "WARN"})
        super().make()

    def more_routes(self) -> list[Any]:
        """Those of these tests."""
        clock = self.engine.clock
        return LogLevelApi(LevelControl(clock, clock.seconds, self.levels), self.engine.tasks.control).routes()

    def test_setting_levels(self) -> None:
        """They count at once and for as long as was said, and it is written down who wanted that."""
        status, found = self.request("PUT", "/logs/levels", {"levels": {"ssh": "debug"}, "for_seconds": 600})
        self.assertEqual((status, found["overridden"], found["configured"]), (200, {"ssh": "DEBUG"}, {"web": "WARN"}))
        self.assertEqual(found["until"], self.engine.clock.seconds() + 600)
        self.assertEqual(self.request("GET", "/logs/levels"), (200, found))
        ((_, entry),) = done(self.engine.tasks.control.ledger.find(AuditQuery()))
        self.assertEqual(
            (entry.what, entry.subject, entry.outcome), ("set log levels", "ssh debug", "They count for 600 s.")
        )

    def test_what_cannot_be_set(self) -> None:
        """The answer says what could be."""
        status, found = self.request("PUT", "/logs/levels", {"levels": {"ssh": "loud"}})
        self.assertEqual((status, self.levels.overridden), (400, {}))
        self.assertIn("has to be one of debug, info", found["error"])
