"""Puts together what the page of one task shows."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Final

from smartdyn.actions.action import Action
from smartdyn.actions.phases import Phase
from smartdyn.actions.presentation import presented
from smartdyn.actions.registry import Registry
from smartdyn.model import rules, wire
from smartdyn.model.audit import cancel_step
from smartdyn.model.causes import why
from smartdyn.model.query import TaskQuery
from smartdyn.model.records import ActionRecord, Step, WholePlan
from smartdyn.model.states import FAILURES, PlanState
from smartdyn.model.views import StepView, TaskPage
from smartdyn.store import (
    audit,
    callbacks,
    delayed,
    evidence,
    insight,
    listing,
    output,
    plans,
)

_PHASES = {"PLAN": "plan", "RUN": "run", "FINALIZE": "finalize"}
_MOST_CHILDREN: Final = 100
_MOST_WAITED_FOR: Final = 20
_SHOWN: Final = 64 * 1024
"""Characters at the end of the output that a page's sentence may be about."""


def page(tx: sqlite3.Cursor, registry: Registry, plan_id: str) -> TaskPage:
    """Everything about one task that is in the database.

    @raise smartdyn.errors.PlanNotFound: there is none.
    """
    whole = plans.load_whole(tx, plan_id)
    printed, cut = output.last(tx, plan_id, _SHOWN)
    outputs = {action.id: presented(tx, registry, action, []) for action in whole.actions.values()}
    running = whole.plan.state is PlanState.RUNNING
    cancellable = {step.id for step in registry.cancellable(whole.steps.values()) if running}
    return TaskPage(
        summary=plans.summary(tx, plan_id),
        status=wire.status_hash(whole.plan, whole.steps.values(), whole.actions, outputs),
        steps=tuple(
            replace(
                _step_view(step, _present(registry, whole.actions[step.action_id])),
                cancellable=step.id in cancellable,
                cancelled_by=_canceller(tx, step),
            )
            for _, step in sorted(whole.steps.items())
        ),
        output=tuple(printed),
        output_is_cut=cut,
        exit_status=_exit_status(whole),
        progress=rules.progress(whole.plan, whole.steps),
        remarks=_remarks(registry, whole),
        callbacks=tuple(callbacks.of_plan(tx, plan_id)),
        children=tuple(listing.page(tx, TaskQuery(parent=plan_id), limit=_MOST_CHILDREN)),
        child_counts=tuple(insight.child_states(tx, plan_id)),
        waiting=delayed.waiting(tx, plan_id, _MOST_WAITED_FOR),
        cause=why(evidence.of_plan(tx, whole)) if whole.plan.result in FAILURES else None,
    )


def _present(registry: Registry, action: ActionRecord) -> Action:
    kind = registry.find_or_missing(action.class_name)
    return kind(Phase(action.plan_id, action.id, action.input, action.output))


def _remarks(registry: Registry, whole: WholePlan) -> tuple[str, ...]:
    """What the actions have to say; one that fails at that has nothing to say."""
    found = []
    for action in rules.in_status_order(whole.actions):
        try:
            found.append(_present(registry, action).humanized_output())
        except Exception as error:
            found.append(f"{action.class_name} cannot say anything of its output: {error}")
    return tuple(remark for remark in found if remark)


def _canceller(tx: sqlite3.Cursor, step: Step) -> str | None:
    if step.cancelled_at is None:
        return None
    return audit.who(tx, cancel_step(step.id), step.plan_id, step.cancelled_at)


def _step_view(step: Step, action: Action) -> StepView:
    try:
        note = action.humanized_state(step.state.value)
    except Exception as error:
        note = f"{step.state.value} ({error})"
    return StepView(
        id=step.id,
        action_id=step.action_id,
        queue=step.queue,
        phase=_PHASES[step.kind.name],
        action_class=step.action_class,
        state=step.state.value,
        error=step.error,
        started_at=step.started_at,
        ended_at=step.ended_at,
        execution_time=step.execution_time,
        real_time=step.real_time,
        note=note,
        progress=step.progress_done,
    )


def _exit_status(whole: WholePlan) -> int | str | None:
    for action in whole.actions.values():
        if "exit_status" in action.output:
            status: int | str = action.output["exit_status"]
            return status
    return None
