"""Makes all checks: those that have to wait for others beside each other, and none for longer than it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from smartdyn.doctor.context import Context
from smartdyn.doctor.verdict import Check, Finding, Verdict, not_applicable, warning

LIMIT = 2.5
"""Seconds after which nobody is waited for any more."""


@dataclass(slots=True)
class _Waiting:
    """A check that is made in a thread of its own, which ends with the process if it does not end before."""

    check: Check
    verdicts: list[Verdict] = field(default_factory=list)
    thread: threading.Thread | None = None

    def start(self, context: Context) -> None:
        self.thread = threading.Thread(target=lambda: self.verdicts.append(_look(self.check, context)), daemon=True)
        self.thread.start()

    def verdict(self, until: float, limit: float) -> Verdict:
        if self.thread is not None:
            self.thread.join(max(until - time.monotonic(), 0))
        if self.verdicts:
            return self.verdicts[0]
        return warning(f"There was no answer within {limit:g} s.", "Look at the network and the name servers.")


def examine(
    context: Context, kinds: Mapping[str, Sequence[Check]], *, only: Sequence[str] = (), limit: float = LIMIT
) -> list[Finding]:
    """Make the checks.

    @param only: the ids of those that are wanted; all when empty.
    """
    until = time.monotonic() + limit
    chosen = [(kind, check) for kind, check in _each(kinds) if not only or check.id in only]
    waiting = {check.id: _Waiting(check) for _, check in chosen if check.waits}
    for each in waiting.values():
        each.start(context)
    at_once = {check.id: _look(check, context) for _, check in chosen if not check.waits}
    return [
        Finding(check.id, kind, check.title, at_once.get(check.id) or waiting[check.id].verdict(until, limit))
        for kind, check in chosen
    ]


def _each(kinds: Mapping[str, Sequence[Check]]) -> Iterator[tuple[str, Check]]:
    for kind, checks in kinds.items():
        for check in checks:
            yield kind, check


def _look(check: Check, context: Context) -> Verdict:
    """The verdict of one check; one that breaks must not hide what the others find."""
    try:
        return check.look(context)
    except PermissionError as problem:
        return not_applicable(f"We may not look at {problem.filename}; run this as root.")
    except Exception as problem:
        return warning(
            f"This could not be looked at: {type(problem).__name__}: {problem}",
            "Run it as root or as the service's user; if it stays, report it as a bug.",
        )
