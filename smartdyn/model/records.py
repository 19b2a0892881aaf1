"""What an execution plan is made of, as frozen records.

Times are seconds since the epoch, UTC. A change is a new record (C{msgspec.structs.replace}); the rules for changing
are in L{smartdyn.model.changes}.

Each step of a plan takes a dozen new records, so they are structs: one is made, or changed, in a twentieth of the time
that a frozen dataclass takes. They hold JSON values and each other without a circle, so the garbage collector need not
follow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

from smartdyn.model.flows import Concurrence, Flow, Sequence
from smartdyn.model.states import PlanResult, PlanState, StepKind, StepState


class HistoryEntry(Struct, frozen=True, gc=False):
    """Something that happened to a plan as a whole (execution_history.rb).

    @param time: whole seconds.
    @param world_id: the life of the service in which it happened.
    """

    time: int
    name: str
    world_id: str | None


@dataclass(frozen=True, slots=True)
class StepError:
    """Why a step failed (steps/error.rb)."""

    exception_class: str
    message: str
    backtrace: tuple[str, ...] = ()


class Step(Struct, frozen=True, gc=False):
    """The persisted unit of work: one phase of one action.

    @param queue: None for plan steps, which are not queued.
    @param children: for a plan step, the plan steps of the actions it planned.
    @param cancelled_at: when it heard that somebody wants it, and not its whole plan, to end; None when nobody does.
    """

    plan_id: str
    id: int
    kind: StepKind
    action_id: int
    action_class: str
    state: StepState = StepState.PENDING
    error: StepError | None = None
    queue: str | None = None
    children: tuple[int, ...] = ()
    started_at: float | None = None
    ended_at: float | None = None
    execution_time: float = 0.0
    real_time: float = 0.0
    progress_done: float = 0.0
    progress_weight: float = 0.0
    cancelled_at: float | None = None


class ActionRecord(Struct, frozen=True, gc=False):
    """One action of a plan with what went in and what came out.

    @param class_name: the registered name, kept even when no such class is installed any more.
    @param caller_plan_id: set on the root action of a sub-plan only.
    @param caller_action_id: the parent action, in the same plan or in the caller's.
    @param input: JSON values; secrets are L{smartdyn.secret.Secret} in memory and never stored in clear.
    """

    plan_id: str
    id: int
    class_name: str
    plan_step_id: int
    run_step_id: int | None = None
    finalize_step_id: int | None = None
    caller_plan_id: str | None = None
    caller_action_id: int | None = None
    input: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)


class Plan(Struct, frozen=True, gc=False):
    """An execution plan without its steps and actions.

    @param label: the root action's label; None until planning has ended.
    @param owner: the world that executes it, None when none does.
    @param host: the host it works on, for lists and searches.
    @param launch_digest: a keyed digest of the input it was launched with, to tell a repeated launch from another one.
    @param cancel_requested_at: somebody wants it cancelled; kept so that a restart does not forget it. Also of one
        that is over and that nothing but the cancelling of its steps kept from ending well.
    """

    id: str
    created_at: float
    state: PlanState = PlanState.PENDING
    result: PlanResult = PlanResult.PENDING
    label: str | None = None
    root_plan_step_id: int | None = None
    run_flow: Flow = field(default_factory=Concurrence)
    finalize_flow: Flow = field(default_factory=Sequence)
    step_ids: tuple[int, ...] = ()
    started_at: float | None = None
    ended_at: float | None = None
    execution_time: float = 0.0
    real_time: float = 0.0
    history: tuple[HistoryEntry, ...] = ()
    caller_plan_id: str | None = None
    caller_action_id: int | None = None
    host: str | None = None
    request_id: str | None = None
    owner: str | None = None
    launch_digest: bytes | None = None
    cancel_requested_at: float | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """What a plan waits for before it is planned; times are seconds since the epoch.

    @param start_at: not before this time.
    @param start_before: not later than this: then it fails.
    @param frozen: not before somebody lets it go.
    @param after: not before these plans have stopped, and not at all if one of them failed.
    """

    start_at: float | None = None
    start_before: float | None = None
    frozen: bool = False
    after: tuple[str, ...] = ()


class WholePlan(Struct, frozen=True, gc=False):
    """A plan with all its steps and actions, by id."""

    plan: Plan
    steps: dict[int, Step]
    actions: dict[int, ActionRecord]
