"""How records change: each function takes one and gives the next, or refuses.

@see: execution_plan.rb C{update_state} for the order in which Dynflow does these things.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from smartdyn.model import rules
from smartdyn.model.records import HistoryEntry, Plan, Step, StepError
from smartdyn.model.states import PlanState, StepState, check_plan_transition, check_step_transition

_NOTICES = {
    PlanState.SCHEDULED: "delay",
    PlanState.RUNNING: "start execution",
    PlanState.PAUSED: "pause execution",
    PlanState.STOPPED: "finish execution",
}


def note(plan: Plan, name: str, *, now: float, world_id: str | None) -> Plan:
    """C{plan} with one more entry in its history."""
    return replace(plan, history=(*plan.history, HistoryEntry(int(now), name, world_id)))


def move_plan(
    plan: Plan,
    state: PlanState,
    steps: Iterable[Step],
    *,
    now: float,
    world_id: str,
    notice: str | None = None,
) -> Plan:
    """C{plan} in its next state, with the times, result and history that go with it.

    @param notice: the history entry, when not the usual one for this state.
    @raise smartdyn.errors.IllegalTransition: that state cannot follow.
    """
    check_plan_transition(plan.state, state)
    all_steps = list(steps)
    moved = replace(plan, state=state, result=rules.result(all_steps))
    if state is PlanState.PLANNING:
        moved = replace(moved, started_at=now)
    if state is PlanState.RUNNING:
        moved = replace(moved, owner=world_id)
    if state is PlanState.STOPPED:
        moved = replace(
            moved,
            ended_at=now,
            real_time=now - moved.started_at if moved.started_at is not None else 0.0,
            execution_time=rules.execution_time(all_steps),
            cancel_requested_at=moved.cancel_requested_at or rules.cancelled_at(all_steps),
        )
    entry = notice or _NOTICES.get(state)
    return note(moved, entry, now=now, world_id=world_id) if entry else moved


def take_over(plan: Plan, steps: Iterable[Step], *, now: float, world_id: str) -> Plan:
    """C{plan}, which an earlier world was executing when it ended, in the hands of this one."""
    all_steps = list(steps)
    former = plan.owner or ""
    left = move_plan(plan, PlanState.PAUSED, all_steps, now=now, world_id=former, notice="terminate execution")
    return move_plan(left, PlanState.RUNNING, all_steps, now=now, world_id=world_id)


def start_step(step: Step, *, now: float) -> Step:
    """C{step} while its code runs.

    A step that succeeds after an earlier failure has no error any more: the error is cleared when it starts again, and
    what was wanted of it the time before does not count.
    """
    if step.state is StepState.SKIPPING:
        return step
    check_step_transition(step.kind, step.state, StepState.RUNNING)
    cancelled_at = None if step.state is StepState.ERROR else step.cancelled_at
    return replace(
        step, state=StepState.RUNNING, error=None, started_at=step.started_at or now, cancelled_at=cancelled_at
    )


def end_step(
    step: Step,
    state: StepState,
    *,
    now: float,
    spent: float,
    error: StepError | None = None,
    progress: float | None = None,
) -> Step:
    """C{step} after its code returned.

    @param spent: seconds the code took this time.
    @param progress: how far it says it is, when it has not finished.
    """
    check_step_transition(step.kind, step.state, state)
    finished = state in {StepState.SUCCESS, StepState.SKIPPED}
    return replace(
        step,
        state=state,
        error=error,
        ended_at=now,
        execution_time=step.execution_time + spent,
        real_time=now - step.started_at if step.started_at is not None else 0.0,
        progress_done=1.0 if finished else step.progress_done if progress is None else progress,
    )


def reset_finalize(step: Step) -> Step:
    """A finalize step ready to run (again): the whole phase is repeated when a plan is resumed."""
    if step.state in {StepState.SUCCESS, StepState.ERROR}:
        check_step_transition(step.kind, step.state, StepState.PENDING)
        return replace(step, state=StepState.PENDING, error=None)
    return step
