"""What follows from the states of a plan's steps: its result, what may go next, how it ends.

Pure functions over records. The engine asks them and performs; nothing here has an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from smartdyn.model.flows import Atom, Flow, Sequence
from smartdyn.model.records import ActionRecord, Plan, Step, StepError
from smartdyn.model.states import PlanResult, PlanState, StepKind, StepState

StateOf = Callable[[int], StepState]

CANCELLABLE = frozenset({StepState.RUNNING, StepState.SUSPENDED})

ABNORMAL = StepError("StandardError", f"Abnormal termination (previous state: {StepState.RUNNING.value})")
"""Why a step failed whose code was running when the service ended (world/invalidation.rb)."""


class RescueStrategy(Enum):
    """What becomes of a plan with a failed step (action/rescue.rb)."""

    PAUSE = "Pause"
    SKIP = "Skip"
    FAIL = "Fail"


def result(steps: Iterable[Step]) -> PlanResult:
    """The result of a plan, as its steps have it now (execution_plan.rb, C{result})."""
    states = {step.state for step in steps}
    if StepState.CANCELLED in states:
        return PlanResult.CANCELLED
    if StepState.ERROR in states:
        return PlanResult.ERROR
    if states & {StepState.SKIPPING, StepState.SKIPPED}:
        return PlanResult.WARNING
    if states <= {StepState.SUCCESS}:
        return PlanResult.SUCCESS
    return PlanResult.PENDING


def cancelled_actions(steps: Iterable[Step]) -> dict[int, float]:
    """The actions of which somebody cancelled a step alone, and when."""
    return {step.action_id: step.cancelled_at for step in steps if step.cancelled_at is not None}


def cancelled_at(steps: Iterable[Step]) -> float | None:
    """When somebody cancelled the steps without whose end nothing would have gone wrong; None when something else did.

    That a script did not exit with 0 is found out by the finalize step of its action, not by the one that was told.
    """
    all_steps = list(steps)
    told = cancelled_actions(all_steps)
    failed = {step.action_id for step in all_steps if step.state is StepState.ERROR}
    return min(told[each] for each in failed) if failed and failed <= told.keys() else None


class Progress(Enum):
    """How far a flow has come."""

    DONE = "done"
    GOING = "going"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a flow stands.

    @param ready: steps that may start now.
    @param progress: L{Progress.FAILED} means that nothing more will start, though other branches may still be going
        when C{going} is true.
    """

    ready: tuple[int, ...]
    progress: Progress
    going: bool


def walk(flow: Flow, state_of: StateOf, retry: Collection[int] = ()) -> Walk:
    """Which steps of a run flow may start.

    A sequence goes on only when all before is done without error; the branches of a concurrence do not stop each other,
    but a failed one stops what comes after the concurrence (director/sequence_cursor.rb).

    @param retry: failed steps that are to run again since their plan was resumed.
    """
    if isinstance(flow, Atom):
        return _walk_step(flow.step_id, state_of(flow.step_id), flow.step_id in retry)
    if isinstance(flow, Sequence):
        for child in flow.flows:
            here = walk(child, state_of, retry)
            if here.progress is not Progress.DONE:
                return here
        return Walk((), Progress.DONE, False)
    branches = [walk(child, state_of, retry) for child in flow.flows]
    ready = tuple(step for branch in branches for step in branch.ready)
    going = any(branch.going for branch in branches)
    failed = any(branch.progress is Progress.FAILED for branch in branches)
    if failed:
        return Walk(ready, Progress.FAILED, going)
    return Walk(ready, Progress.GOING if going else Progress.DONE, going)


def _walk_step(step_id: int, state: StepState, retry: bool) -> Walk:
    if state in {StepState.SUCCESS, StepState.SKIPPED}:
        return Walk((), Progress.DONE, False)
    if state is StepState.ERROR and not retry:
        return Walk((), Progress.FAILED, False)
    startable = state in {StepState.PENDING, StepState.ERROR, StepState.SKIPPING}
    return Walk((step_id,) if startable else (), Progress.GOING, True)


def combine(strategies: Iterable[RescueStrategy]) -> RescueStrategy | None:
    """One strategy out of those of an action and its children (action/rescue.rb): unanimity, else pause."""
    found = set(strategies)
    if not found:
        return None
    return found.pop() if len(found) == 1 else RescueStrategy.PAUSE


def ended_state(failed: bool, strategy: RescueStrategy | None) -> PlanState:
    """The state in which a plan that can go no further is left."""
    if failed and strategy is not RescueStrategy.FAIL:
        return PlanState.PAUSED
    return PlanState.STOPPED


def children_of(actions: Mapping[int, ActionRecord], action_id: int) -> list[ActionRecord]:
    """The actions that an action planned directly, in planning order."""
    return [
        action
        for _, action in sorted(actions.items())
        if action.caller_action_id == action_id and action.caller_plan_id is None
    ]


def in_status_order(actions: Mapping[int, ActionRecord], root_id: int = 1) -> list[ActionRecord]:
    """All actions as the status lists them: the root, its children, then each child's descendants (action.rb)."""
    children_by_caller: dict[int, list[ActionRecord]] = {}
    for _, action in sorted(actions.items()):
        if action.caller_action_id is not None and action.caller_plan_id is None:
            children_by_caller.setdefault(action.caller_action_id, []).append(action)

    def below(action_id: int) -> list[ActionRecord]:
        children = children_by_caller.get(action_id, [])
        return children + [deeper for child in children for deeper in below(child.id)]

    root = [actions[root_id]] if root_id in actions else []
    return root + below(root_id)


def failed_actions(steps: Iterable[Step]) -> frozenset[int]:
    """The actions that have a step in error."""
    return frozenset(step.action_id for step in steps if step.state is StepState.ERROR)


def finalize_steps(flow: Flow, steps: Mapping[int, Step]) -> list[Step]:
    """The finalize steps in their order."""
    if isinstance(flow, Atom):
        return [steps[flow.step_id]]
    return [step for child in flow.flows for step in finalize_steps(child, steps)]


def next_finalize(flow: Flow, steps: Mapping[int, Step]) -> tuple[int, ...]:
    """The finalize step whose turn it is; they go strictly one after another, and a failed one ends the phase."""
    for step in finalize_steps(flow, steps):
        if step.state is StepState.PENDING:
            return (step.id,)
        if step.state not in {StepState.SUCCESS, StepState.SKIPPED}:
            break
    return ()


def progress(plan: Plan, steps: Mapping[int, Step]) -> float:
    """How far a plan is, between 0 and 1: its steps by their weights (execution_plan.rb C{progress})."""
    if plan.state in {PlanState.PENDING, PlanState.SCHEDULED, PlanState.PLANNING}:
        return 0.0
    counted = [step for step in steps.values() if step.kind is not StepKind.PLAN]
    total = sum(step.progress_weight for step in counted)
    if not total:
        return 1.0
    return sum(step.progress_done * step.progress_weight for step in counted) / total


def execution_time(steps: Iterable[Step]) -> float:
    """Seconds spent in actions' own code."""
    return sum(step.execution_time for step in steps)


def under_way(steps: Iterable[Step]) -> list[Step]:
    """The run and finalize steps that somebody was executing, or that wait for events."""
    return [step for step in steps if step.kind is not StepKind.PLAN and step.state in CANCELLABLE]


def run_steps(steps: Iterable[Step], states: Collection[StepState]) -> list[Step]:
    """The run steps that are in one of C{states}."""
    return [step for step in steps if step.kind is StepKind.RUN and step.state in states]
