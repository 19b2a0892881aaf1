"""What the database knows of why a plan did not go well."""

from __future__ import annotations

import sqlite3

from smartdyn.model.causes import Evidence
from smartdyn.model.records import WholePlan
from smartdyn.model.states import PlanResult
from smartdyn.store import output

_ENOUGH = 16 * 1024
"""Characters at the end of an output: a job that fails says why last."""


def of_plan(tx: sqlite3.Cursor, whole: WholePlan) -> Evidence:
    """The evidence in a plan."""
    chunks, _ = output.last(tx, whole.plan.id, _ENOUGH)
    statuses = (action.output["exit_status"] for action in whole.actions.values() if "exit_status" in action.output)
    return Evidence(
        exit_status=next(statuses, None),
        said="".join(chunk.text for chunk in chunks if chunk.type == "debug")[-_ENOUGH:],
        printed="".join(chunk.text for chunk in chunks if chunk.type != "debug")[-_ENOUGH:],
        errors=tuple(step.error.message for step in whole.steps.values() if step.error is not None),
        cancelled=whole.plan.cancel_requested_at is not None or whole.plan.result is PlanResult.CANCELLED,
    )
