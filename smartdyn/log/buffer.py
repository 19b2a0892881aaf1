"""The last lines of the log, for Foreman's page of the proxy (SP log_buffer/buffer.rb)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from smartdyn.log.context import subject_of
from smartdyn.log.levels import NAMES
from smartdyn.log.lines import SHORT, message
from smartdyn.log.redact import redact

_BAD = frozenset({"ERROR", "FATAL"})


@dataclass(frozen=True, slots=True)
class Record:
    """A line of the log.

    @param timestamp: seconds since the epoch.
    """

    timestamp: float
    level: str
    message: str
    backtrace: str | None = None
    request_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As Foreman reads it; what there is not is left out."""
        body: dict[str, Any] = {"timestamp": self.timestamp, "level": self.level, "message": self.message}
        if self.backtrace is not None:
            body["backtrace"] = self.backtrace
        if self.request_id is not None:
            body["request_id"] = self.request_id
        return body


@implementer(ILogObserver)
class LogBuffer:
    """Keeps so many lines, and of those that had to make room the errors."""

    def __init__(self, *, size: int = 2000, tail_size: int = 1000) -> None:
        """
        @param tail_size: how many errors are kept beyond the last C{size} lines.
        """
        self.size = size
        self.tail_size = tail_size
        self._lines: deque[Record] = deque()
        self._tail: deque[Record] = deque(maxlen=max(tail_size, 0))

    def __call__(self, event: LogEvent) -> None:
        self._lines.append(_record(event))
        while len(self._lines) > self.size:
            oldest = self._lines.popleft()
            if oldest.level in _BAD:
                self._tail.append(oldest)

    def since(self, timestamp: float) -> list[Record]:
        """The lines after some time, the oldest first."""
        return [record for record in (*self._tail, *self._lines) if record.timestamp > timestamp]


def _record(event: LogEvent) -> Record:
    text, traceback = message(event)
    request = subject_of(event).request_id
    failure = event.get("log_failure")
    return Record(
        timestamp=event["log_time"],
        level=NAMES[event.get("log_level", LogLevel.info)],
        message=text or (redact(failure.getErrorMessage()) if failure is not None else ""),
        backtrace=traceback,
        request_id=request[:SHORT] if request else None,
    )
