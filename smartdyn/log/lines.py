"""An event as a line: for people, for journald, or for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from twisted.logger import LogEvent, LogLevel, formatEvent
from twisted.logger import formatTime as format_time

from smartdyn.log.context import subject_of
from smartdyn.log.levels import NAMES, part_of
from smartdyn.log.redact import redact

_PRIORITIES: Final = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 2,
}
"""Those of syslog (sd-daemon(3))."""

SHORT: Final = 8
"""Characters of a request's id that the smart proxy's log has."""

Form = Callable[[LogEvent], str]


def message(event: LogEvent) -> tuple[str, str | None]:
    """What an event says, and the traceback of its failure."""
    text = redact(formatEvent(event) or "")
    failure = event.get("log_failure")
    return text, None if failure is None else redact(failure.getTraceback()).rstrip()


def text_line(event: LogEvent) -> str:
    """Time, request, level, part, message, and what it is about beyond that; a traceback follows."""
    text, traceback = message(event)
    request = (subject_of(event).request_id or "-")[:SHORT]
    letter = event.get("log_level", LogLevel.info).name[0].upper()
    line = f"{format_time(event['log_time'])} {request:{SHORT}} [{letter}] {_said(event, text)}\n"
    return line if traceback is None else f"{line}{traceback}\n"


def journal_lines(event: LogEvent) -> str:
    """Likewise without the time, each line with a priority: journald does the rest."""
    text, traceback = message(event)
    request = (subject_of(event).request_id or "")[:SHORT]
    head = f"<{_PRIORITIES[event.get('log_level', LogLevel.info)]}>{request and f'[{request}] '}"
    lines = [_said(event, text), *(traceback or "").splitlines()]
    return "".join(f"{head}{line}\n" for whole in lines for line in whole.split("\n"))


def json_line(event: LogEvent) -> str:
    """An object with what is known of the event; what there is not is left out."""
    text, traceback = message(event)
    subject = subject_of(event)
    body: dict[str, Any] = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": NAMES[event.get("log_level", LogLevel.info)].lower(),
        "part": part_of(event),
        "message": text,
        "request_id": subject.request_id,
        "task_id": subject.task_id,
        "host": subject.host,
        "step": subject.step,
        "traceback": traceback,
    }
    known = {name: value for name, value in body.items() if value is not None}
    return f"{json.dumps(known)}\n"


def json_journal_line(event: LogEvent) -> str:
    """Likewise with a priority for journald."""
    return f"<{_PRIORITIES[event.get('log_level', LogLevel.info)]}>{json_line(event)}"


def _said(event: LogEvent, text: str) -> str:
    """The message with its part before it, and behind it what it is about and does not say."""
    subject = subject_of(event)
    known = {"task": subject.task_id, "step": subject.step, "host": subject.host}
    about = " ".join(f"{name}={value}" for name, value in known.items() if value is not None and str(value) not in text)
    return f"{part_of(event)}: {text}{about and f' ({about})'}"
