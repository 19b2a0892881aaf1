"""Skipping failed steps: which steps are marked, and how (execution_plan.rb C{skip})."""

from __future__ import annotations

from msgspec.structs import replace

from smartdyn.model import references
from smartdyn.model.records import Step, WholePlan
from smartdyn.model.states import StepKind, StepState, check_step_transition


def skip_step(whole: WholePlan, step_id: int) -> dict[int, Step]:
    """The steps that change when C{step_id} is skipped.

    With the step go the steps that wait for its output, directly or not, and the finalize steps of all their actions.
    Skipping what is skipped already changes nothing.
    """
    changed: dict[int, Step] = {}
    for affected in _dependents(whole, step_id):
        run_step = whole.steps[affected]
        state = _skipped(run_step)
        if state is not run_step.state:
            check_step_transition(run_step.kind, run_step.state, state)
            changed[affected] = replace(run_step, state=state)
        finalize_id = whole.actions[run_step.action_id].finalize_step_id
        if finalize_id is not None and whole.steps[finalize_id].state in {StepState.PENDING, StepState.ERROR}:
            changed[finalize_id] = replace(whole.steps[finalize_id], state=StepState.SKIPPED)
    if whole.steps[step_id].kind is StepKind.FINALIZE and whole.steps[step_id].state is StepState.ERROR:
        changed[step_id] = replace(whole.steps[step_id], state=StepState.SKIPPED)
    return changed


def _skipped(step: Step) -> StepState:
    if step.state is StepState.ERROR:
        return StepState.SKIPPING
    if step.state is StepState.PENDING:
        return StepState.SKIPPED
    return step.state


def _dependents(whole: WholePlan, step_id: int) -> list[int]:
    """C{step_id}, if it is a run step, and all run steps that need its output."""
    if whole.steps[step_id].kind is not StepKind.RUN:
        return []
    found = [step_id]
    for waiting in found:
        for action in whole.actions.values():
            needs = {reference.step_id for reference in references.references(action.input)}
            if waiting in needs and action.run_step_id is not None and action.run_step_id not in found:
                found.append(action.run_step_id)
    return found
