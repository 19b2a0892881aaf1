"""The states of plans and steps, and which may follow which.

The tables are Dynflow's (execution_plan.rb, steps/*.rb). They are data, so that a test can try every pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from smartdyn.errors import IllegalTransition


class PlanState(StrEnum):
    """Where an execution plan is in its life."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


UNFINISHED: Final = tuple(state.value for state in PlanState if state is not PlanState.STOPPED)
"""The states of plans that are not over."""


class PlanResult(StrEnum):
    """What a plan has come to, computed from its steps."""

    PENDING = "pending"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """Where one step is in its life."""

    SCHEDULING = "scheduling"
    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    SUSPENDED = "suspended"
    SKIPPING = "skipping"
    SKIPPED = "skipped"
    ERROR = "error"
    CANCELLED = "cancelled"


class StepKind(StrEnum):
    """The phase of an action that a step stands for; the value is its class name on the wire."""

    PLAN = "Dynflow::ExecutionPlan::Steps::PlanStep"
    RUN = "Dynflow::ExecutionPlan::Steps::RunStep"
    FINALIZE = "Dynflow::ExecutionPlan::Steps::FinalizeStep"


PLAN_TRANSITIONS: Final[Mapping[PlanState, frozenset[PlanState]]] = {
    PlanState.PENDING: frozenset({PlanState.STOPPED, PlanState.SCHEDULED, PlanState.PLANNING}),
    PlanState.SCHEDULED: frozenset({PlanState.PLANNING, PlanState.STOPPED}),
    PlanState.PLANNING: frozenset({PlanState.PLANNED, PlanState.STOPPED}),
    PlanState.PLANNED: frozenset({PlanState.RUNNING, PlanState.STOPPED}),
    PlanState.RUNNING: frozenset({PlanState.PAUSED, PlanState.STOPPED}),
    PlanState.PAUSED: frozenset({PlanState.RUNNING, PlanState.STOPPED}),
    PlanState.STOPPED: frozenset(),
}

STEP_TRANSITIONS: Final[Mapping[StepKind, Mapping[StepState, frozenset[StepState]]]] = {
    StepKind.PLAN: {
        StepState.SCHEDULING: frozenset({StepState.PENDING, StepState.ERROR, StepState.CANCELLED}),
        StepState.PENDING: frozenset({StepState.RUNNING, StepState.ERROR, StepState.CANCELLED}),
        StepState.RUNNING: frozenset({StepState.SUCCESS, StepState.ERROR, StepState.CANCELLED}),
    },
    StepKind.RUN: {
        StepState.PENDING: frozenset({StepState.RUNNING, StepState.SKIPPED, StepState.ERROR}),
        StepState.RUNNING: frozenset({StepState.SUCCESS, StepState.ERROR, StepState.SUSPENDED}),
        StepState.SUCCESS: frozenset({StepState.SUSPENDED}),
        StepState.SUSPENDED: frozenset({StepState.RUNNING, StepState.ERROR}),
        StepState.SKIPPING: frozenset({StepState.ERROR, StepState.SKIPPED}),
        StepState.ERROR: frozenset({StepState.SKIPPING, StepState.RUNNING}),
    },
    StepKind.FINALIZE: {
        StepState.PENDING: frozenset({StepState.RUNNING, StepState.SKIPPED}),
        StepState.RUNNING: frozenset({StepState.SUCCESS, StepState.ERROR}),
        StepState.SUCCESS: frozenset({StepState.PENDING}),
        StepState.ERROR: frozenset({StepState.PENDING, StepState.SKIPPED}),
    },
}

FAILURES: Final = frozenset({PlanResult.ERROR, PlanResult.WARNING, PlanResult.CANCELLED})
"""Results for which Dynflow says C{failure?}."""


def check_plan_transition(old: PlanState, new: PlanState) -> None:
    """
    @raise IllegalTransition: C{new} cannot follow C{old}.
    """
    if new not in PLAN_TRANSITIONS[old]:
        raise IllegalTransition("ExecutionPlan", old, new)


def check_step_transition(kind: StepKind, old: StepState, new: StepState) -> None:
    """
    @raise IllegalTransition: C{new} cannot follow C{old} in a step of this kind.
    """
    if new not in STEP_TRANSITIONS[kind].get(old, frozenset()):
        raise IllegalTransition(kind.rpartition("::")[2], old, new)
