"""The last lines of the log, for Foreman's page of the proxy (SP log_buffer/buffer.rb)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from smartdyn.log import Threshold, current_request

_NAMES = {
    LogLevel.debug: "DEBUG",
    LogLevel.info: "INFO",
    LogLevel.warn: "WARN",
    LogLevel.error: "ERROR",
    LogLevel.critical: "FATAL",
}
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

    def __init__(self, level: Any = LogLevel.info, *, size: int = 2000, tail_size: int = 1000) -> None:
        """
        @param level: what is less important is not kept.
        @param tail_size: how many errors are kept beyond the last C{size} lines.
        """
        self.size = size
        self.tail_size = tail_size
        self.keep(level)
        self._lines: deque[Record] = deque()
        self._tail: deque[Record] = deque(maxlen=max(tail_size, 0))

    def keep(self, level: Any) -> None:
        """Keep no lines that are less important, from now on."""
        self._threshold = Threshold(level)

    def __call__(self, event: LogEvent) -> None:
        if not self._threshold.lets_through(event):
            return
        self._lines.append(_record(event))
        while len(self._lines) > self.size:
            oldest = self._lines.popleft()
            if oldest.level in _BAD:
                self._tail.append(oldest)

    def since(self, timestamp: float) -> list[Record]:
        """The lines after some time, the oldest first."""
        return [record for record in (*self._tail, *self._lines) if record.timestamp > timestamp]


def _record(event: LogEvent) -> Record:
    failure = event.get("log_failure")
    request = event.get("request_id") or current_request()
    text = formatEvent(event) or ""
    return Record(
        timestamp=event["log_time"],
        level=_NAMES[event.get("log_level", LogLevel.info)],
        message=text or (failure.getErrorMessage() if failure is not None else ""),
        backtrace=failure.getTraceback() if failure is not None else None,
        request_id=str(request)[:8] if request else None,
    )
