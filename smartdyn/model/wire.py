"""Plans and actions as the JSON that Foreman reads: Dynflow's C{to_hash}, key by key and in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from smartdyn.model import flows, rules
from smartdyn.model.records import ActionRecord, Plan, Step, StepError


def format_time(seconds: float | None) -> str | None:
    """C{YYYY-mm-dd HH:MM:SS.mmm}, UTC, cut (not rounded) to milliseconds (serializable.rb)."""
    if seconds is None:
        return None
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%d %H:%M:%S}.{micros // 1000:03d}"


def plan_hash(plan: Plan, steps: Iterable[Step] | None = None) -> dict[str, Any]:
    """The fourteen keys of an execution plan.

    @param steps: when given, the result is computed from them rather than taken from the last save.
    """
    return {
        "id": plan.id,
        "class": "Dynflow::ExecutionPlan",
        "label": plan.label,
        "state": plan.state.value,
        "result": (plan.result if steps is None else rules.result(steps)).value,
        "root_plan_step_id": plan.root_plan_step_id,
        "run_flow": flows.encode(plan.run_flow),
        "finalize_flow": flows.encode(plan.finalize_flow),
        "step_ids": list(plan.step_ids),
        "started_at": format_time(plan.started_at),
        "ended_at": format_time(plan.ended_at),
        "execution_time": plan.execution_time,
        "real_time": plan.real_time,
        "execution_history": [
            {"time": entry.time, "name": entry.name, "world_id": entry.world_id} for entry in plan.history
        ],
    }


def action_hash(action: ActionRecord, output: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One action; whatever is secret in it hides itself when it becomes JSON.

    @param output: shown instead of the stored output, when a class presents it differently.
    """
    return {
        "class": action.class_name,
        "execution_plan_id": action.plan_id,
        "id": action.id,
        "plan_step_id": action.plan_step_id,
        "run_step_id": action.run_step_id,
        "finalize_step_id": action.finalize_step_id,
        "caller_execution_plan_id": action.caller_plan_id,
        "caller_action_id": action.caller_action_id,
        "input": action.input,
        "output": action.output if output is None else output,
    }


def status_hash(
    plan: Plan,
    steps: Iterable[Step] | None,
    actions: Mapping[int, ActionRecord],
    outputs: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """What C{GET /tasks/:id/status} answers.

    @param steps: see L{plan_hash}; not needed of a plan that has stopped.
    @param outputs: presented outputs by action id, for the actions that have one.
    """
    body = plan_hash(plan, steps)
    body["actions"] = [action_hash(action, outputs.get(action.id)) for action in rules.in_status_order(actions)]
    return body


def error_text(error: StepError) -> str:
    """How C{launch} shows an error of planning (steps/error.rb, C{to_s}), without the lines of our code."""
    return f"{error.message} ({error.exception_class})"
