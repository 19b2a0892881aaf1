"""What the database knows of why a plan did not go well."""

from __future__ import annotations

import sqlite3

from smartdyn.model import rules
from smartdyn.model.causes import Evidence
from smartdyn.model.records import WholePlan
from smartdyn.model.states import PlanResult
from smartdyn.store import output

_ENOUGH = 16 * 1024
"""Characters at the end of an output: a job that fails says why last."""


def of_plan(tx: sqlite3.Cursor, whole: WholePlan) -> Evidence:
    """The evidence in a plan; what came of steps that somebody cancelled is none, unless nothing else went wrong."""
    chunks, _ = output.last(tx, whole.plan.id, _ENOUGH)
    steps = whole.steps.values()
    told = rules.cancelled_actions(steps)
    outputs = [action.output for action in whole.actions.values() if action.id not in told]
    return Evidence(
        exit_status=next((each["exit_status"] for each in outputs if "exit_status" in each), None),
        said="".join(chunk.text for chunk in chunks if chunk.type == "debug")[-_ENOUGH:],
        printed="".join(chunk.text for chunk in chunks if chunk.type != "debug")[-_ENOUGH:],
        errors=tuple(step.error.message for step in steps if step.error is not None and step.action_id not in told),
        cancelled=whole.plan.cancel_requested_at is not None
        or whole.plan.result is PlanResult.CANCELLED
        or rules.cancelled_at(steps) is not None,
    )
