"""What lists and pages show of plans: flat, read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smartdyn.model.causes import Cause
from smartdyn.model.records import StepError
from smartdyn.model.states import PlanResult, PlanState


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A piece of a job's output.

    @param type: C{stdout}, C{stderr} or C{debug}.
    @param external_id: the name its source gave it, if any.
    """

    position: int
    type: str
    timestamp: float
    text: str
    external_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The chunk as Foreman reads it (SPD continuous_output.rb)."""
        body: dict[str, Any] = {"output_type": self.type, "output": self.text, "timestamp": self.timestamp}
        if self.external_id is not None:
            body["id"] = self.external_id
        return body


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """A task in a list; times are seconds since the epoch.

    @param cancelled: it ended after somebody wanted it to, and not well.
    """

    id: str
    label: str | None
    state: str
    result: str
    host: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    parent_id: str | None
    cancelled: bool = False

    @property
    def outcome(self) -> str:
        """What people call its result."""
        return PlanResult.CANCELLED.value if self.cancelled else self.result


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of tasks.

    @param older: where the next page begins, None when this is the last.
    """

    tasks: tuple[TaskSummary, ...]
    older: str | None


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many of some tasks are in one state.

    @param result: C{cancelled} also of those that somebody cancelled and that ended in another way, but not well.
    """

    state: str
    result: str
    count: int

    @property
    def is_over(self) -> bool:
        """Have they ended?"""
        return self.state == PlanState.STOPPED

    @property
    def name(self) -> str:
        """What people call it."""
        return self.result if self.is_over else self.state

    @property
    def search(self) -> str:
        """What finds them, beside what all of them have in common."""
        if not self.is_over:
            return f"state:{self.state}"
        if self.result == PlanResult.CANCELLED:
            return "state:cancelled"
        failed = self.result in {PlanResult.ERROR, PlanResult.WARNING}
        return f"state:{'failed' if failed else 'stopped'} result:{self.result}"


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task in a list in which those that it launched stand below it.

    @param depth: how many tasks it stands below.
    @param found: it is one of those that are listed; else it stands here because one below it is, or the one above it
        is opened.
    @param below: how many of the tasks that it launched are in which state.
    @param opened: they are listed, too, the newest ones.
    @param cut: there are more of them than are listed.
    """

    task: TaskSummary
    depth: int = 0
    found: bool = True
    below: tuple[StateCount, ...] = ()
    opened: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of a task.

    @param note: what its action says of its state.
    @param progress: between 0 and 1.
    @param cancellable: it could be cancelled now.
    @param cancelled_by: who wanted it, and not the whole task, to end; empty when that is not known any more, None
        when nobody did.
    """

    id: int
    action_id: int
    queue: str | None
    phase: str
    action_class: str
    state: str
    error: StepError | None
    started_at: float | None
    ended_at: float | None
    execution_time: float
    real_time: float
    note: str
    progress: float
    cancellable: bool = False
    cancelled_by: str | None = None


@dataclass(frozen=True, slots=True)
class CallbackView:
    """How far the report to Foreman has come."""

    state: str
    attempts: int
    last_error: str | None
    next_attempt_at: float
    delivered_at: float | None


@dataclass(frozen=True, slots=True)
class JobNote:
    """What a job is waiting for just now.

    @param at: since when, seconds since the epoch.
    @param next_attempt_at: when it is tried again, if it is.
    """

    text: str
    at: float
    next_attempt_at: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What keeps a task from beginning, and which tasks wait for it; times are seconds since the epoch.

    @param start_at: not before this time.
    @param start_before: it fails if it has not begun by then.
    @param frozen: not before somebody lets it go.
    @param blocked_by: some tasks that have to be over first.
    @param blocks: some tasks that wait for the end of this one.
    """

    start_at: float | None = None
    start_before: float | None = None
    frozen: bool = False
    blocked_by: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Everything that the page of one task shows.

    @param status: the task as the API gives it, without the output.
    @param output_is_cut: there is more of it, before what is here.
    @param progress: of the whole task, between 0 and 1.
    @param remarks: what its actions have to say to people.
    @param children: the newest of the tasks that it launched.
    @param child_counts: how many of all of these are in which state.
    @param note: what its job is waiting for, if it is.
    @param cause: why it did not go well, if it did not.
    @param waiting: what it waits for before it begins, if it has not.
    """

    summary: TaskSummary
    status: dict[str, Any]
    steps: tuple[StepView, ...]
    output: tuple[OutputChunk, ...]
    output_is_cut: bool
    exit_status: int | str | None
    progress: float
    remarks: tuple[str, ...]
    callbacks: tuple[CallbackView, ...]
    children: tuple[TaskSummary, ...]
    child_counts: tuple[StateCount, ...]
    note: JobNote | None = None
    cause: Cause | None = None
    waiting: Waiting = Waiting()
