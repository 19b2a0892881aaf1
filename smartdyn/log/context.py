"""What a line of the log is about: the request, the task, the host and the step for which something is done.

It goes along with coroutines: whatever one begins works for the same, until somebody says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from twisted.logger import LogEvent


@dataclass(frozen=True, slots=True)
class Subject:
    """Each is None where it is not known, or where there is none."""

    request_id: str | None = None
    task_id: str | None = None
    host: str | None = None
    step: int | None = None


NOTHING = Subject()

_SUBJECT: ContextVar[Subject] = ContextVar("subject", default=NOTHING)


def current() -> Subject:
    """What the caller works for."""
    return _SUBJECT.get()


def work_for(subject: Subject) -> None:
    """Whatever the calling coroutine does from now on is done for this, and nothing else."""
    _SUBJECT.set(subject)


@contextmanager
def about(subject: Subject) -> Iterator[None]:
    """Whatever is done meanwhile is done for this, also by coroutines that begin in here."""
    token = _SUBJECT.set(subject)
    try:
        yield
    finally:
        _SUBJECT.reset(token)


def subject_of(event: LogEvent) -> Subject:
    """What an event is about: what it says itself counts more than for whom it was logged."""
    known = _SUBJECT.get()
    return Subject(
        _said(event, ("request_id",), known.request_id),
        _said(event, ("task_id", "plan_id"), known.task_id),
        _said(event, ("host",), known.host),
        _said(event, ("step", "step_id"), known.step),
    )


def _said(event: LogEvent, names: tuple[str, ...], otherwise: Any) -> Any:
    for name in names:
        value = event.get(name)
        if isinstance(value, (str, int)):
            return value
    return otherwise
