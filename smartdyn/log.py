"""What goes into the log, and in which form."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    PredicateResult,
    formatEvent,
)
from twisted.logger import formatTime as format_time
from zope.interface import implementer

LEVELS = {
    "DEBUG": LogLevel.debug,
    "INFO": LogLevel.info,
    "WARN": LogLevel.warn,
    "ERROR": LogLevel.error,
    "FATAL": LogLevel.critical,
    "UNKNOWN": LogLevel.critical,
}

_REQUEST: ContextVar[str | None] = ContextVar("request_id", default=None)

_ORDER = (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)
_PRIORITIES = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}
_NOISY = ("twisted.conch", "twisted.internet", "twisted.web", "smartdyn.ssh")
"""Where infos are details; Conch's loggers carry the names of our subclasses."""


def belong_to_request(request_id: str | None) -> None:
    """Whatever the calling coroutine logs from now on belongs to a request."""
    _REQUEST.set(request_id)


def current_request() -> str | None:
    """The id of the request that the caller works for."""
    return _REQUEST.get()


@contextmanager
def request_context(request_id: str | None) -> Iterator[None]:
    """Whatever is logged meanwhile belongs to a request, also by coroutines that begin in here."""
    token = _REQUEST.set(request_id)
    try:
        yield
    finally:
        _REQUEST.reset(token)


@implementer(ILogFilterPredicate)
class Threshold:
    """Lets through what is important enough."""

    def __init__(self, level: Any) -> None:
        self._rank = _ORDER.index(level)

    def __call__(self, event: LogEvent) -> Any:
        return PredicateResult.maybe if self.lets_through(event) else PredicateResult.no

    def lets_through(self, event: LogEvent) -> bool:
        """Is it important enough?"""
        level = event.get("log_level", LogLevel.info)
        rank = _ORDER.index(level)
        if rank <= 1 and str(event.get("log_namespace", "")).startswith(_NOISY):
            rank -= 1
        return rank >= self._rank


def observer(log_file: str, level: str, stdout: TextIO | None = None) -> Any:
    """An observer that writes lines.

    @param log_file: a path, C{STDOUT}, or C{JOURNAL} (lines that journald knows the priority of).
    """
    journal = log_file.upper() in {"JOURNAL", "JOURNALD"}
    if journal or log_file.upper() == "STDOUT":
        output: Any = stdout or sys.stdout
    else:
        output = Path(log_file).open("a", encoding="utf-8", buffering=1)

    return FilteringLogObserver(LineWriter(output, journal=journal), [Threshold(LEVELS[level])])


@implementer(ILogObserver)
class LineWriter:
    """Writes each event at once: a log that lags behind is of no use in a crash."""

    def __init__(self, output: TextIO, *, journal: bool = False) -> None:
        self._output = output
        self._journal = journal

    def __call__(self, event: LogEvent) -> None:
        self._output.write(line(event, journal=self._journal))
        self._output.flush()


def line(event: LogEvent, *, journal: bool = False) -> str:
    """One event as text: time, level, request, message, and the traceback of a failure."""
    level = event.get("log_level", LogLevel.info)
    text = formatEvent(event) or ""
    failure = event.get("log_failure")
    if failure is not None:
        text = f"{text}\n{failure.getTraceback()}".rstrip()
    request = str(event.get("request_id") or _REQUEST.get() or "")[:8]
    if journal:
        head = f"<{_PRIORITIES[level]}>{request and f'[{request}] '}"
        return "".join(f"{head}{part}\n" for part in text.split("\n"))
    return f"{format_time(event['log_time'])} {request or '-':8} [{level.name[0].upper()}] {text}\n"
