"""Who did what to tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from smartdyn.model.states import PlanState

What = Literal["cancel", "resume", "skip"]
"""What can be done to many tasks at once."""

POSSIBLE_IN: Final[dict[What, tuple[str, ...]]] = {
    "cancel": (PlanState.SCHEDULED.value, PlanState.RUNNING.value),
    "resume": (PlanState.PAUSED.value,),
    "skip": (PlanState.PAUSED.value,),
}
"""The states of tasks to which it can be done."""


def cancel_step(step_id: int) -> str:
    """What is written down when one step is to end."""
    return f"cancel step {step_id}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever wants something done.

    @param name: of its certificate, of its account on this machine, or its address.
    @param address: an IP address, None over a unix socket.
    @param via: C{console} or C{api}, or C{command line} for what is done while the service is down.
    """

    name: str
    address: str | None
    via: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """
    @param at: seconds since the epoch.
    @param subject: a task, or the search that found the tasks, or a host.
    @param outcome: what came of it, in a sentence.
    @param key: names it in addresses; None for those of earlier versions.
    @param tasks: how many tasks a deed concerns that is done to many; None for others.
    @param ended_at: None while it is being done, and for ever if the service ended before it did.
    """

    at: float
    by: Actor
    what: str
    subject: str
    outcome: str
    key: str | None = None
    tasks: int | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are wanted; what is left out does not matter.

    @param who: a part of the name.
    @param what: a part of what was done.
    @param about: a task, search or host.
    @param since: at this time or later, seconds since the epoch.
    @param until: before this time.
    """

    who: str = ""
    what: str = ""
    about: str | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What came of doing something to all tasks that a search finds.

    @param matched: tasks to which it can be done.
    @param done: those to which it was done; none when it was only asked how many there are.
    @param refused: the others, with the reasons.
    """

    matched: int
    done: int = 0
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far something that is done to many tasks has come.

    @param reached: tasks whose turn has come.
    @param refused: those of them to which it could not be done.
    @param problems: some of these, with the reasons.
    """

    entry: AuditEntry
    reached: int
    refused: int
    problems: tuple[tuple[str, str], ...]
