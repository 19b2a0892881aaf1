"""Who did what to tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from smartdyn.model.states import PlanState

What = Literal["cancel", "resume", "skip"]
"""What can be done to many tasks at once."""

_UNFINISHED: Final = tuple(state.value for state in PlanState if state is not PlanState.STOPPED)
POSSIBLE_IN: Final[dict[What, tuple[str, ...]]] = {
    "cancel": _UNFINISHED,
    "resume": (PlanState.PAUSED.value,),
    "skip": (PlanState.PAUSED.value,),
}
"""The states of tasks to which it can be done."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever wants something done.

    @param name: of its certificate, or its address.
    @param address: an IP address, None over a unix socket.
    @param via: C{console} or C{api}.
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
    """

    at: float
    by: Actor
    what: str
    subject: str
    outcome: str


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
