"""What the outside is shown of a task's actions: their output, with what is kept elsewhere put in."""

from __future__ import annotations

import sqlite3
from typing import Any

from smartdyn.actions.phases import Phase
from smartdyn.actions.registry import Registry
from smartdyn.engine.world import World
from smartdyn.model import wire
from smartdyn.model.records import ActionRecord
from smartdyn.model.states import PlanState
from smartdyn.store import actions, long_output, plans, steps
from smartdyn.store.long_output import LongOutput


def status(tx: sqlite3.Cursor, registry: Registry, plan_id: str) -> dict[str, Any]:
    """A task with its actions and output, as Foreman reads it.

    @raise smartdyn.errors.PlanNotFound: there is none.
    """
    plan, known = plans.load(tx, plan_id), actions.of_plan(tx, plan_id)
    outputs = {
        action.id: presented(tx, registry, action, long_output.of_action(tx, plan_id, action.id))
        for action in known.values()
    }
    # Steps say more than the last save of a plan only while it goes on
    going_on = None if plan.state is PlanState.STOPPED else steps.of_plan(tx, plan_id).values()
    return wire.status_hash(plan, going_on, known, outputs)


def presented(
    tx: sqlite3.Cursor, registry: Registry, action: ActionRecord, result: list[dict[str, Any]] | LongOutput
) -> dict[str, Any]:
    """An action's output as it is shown: with what is kept elsewhere put in, and as middleware wants it shown."""
    kind = registry.find_or_missing(action.class_name)
    output = action.output
    if kind.streams_output:
        output = {"result": result, **output}
    elif kind.counts_sub_plans and output:
        output = kind.present_counts(output, plans.sub_plan_counts(tx, action.plan_id, action.id))
    if registry.middleware.stack(kind, "present"):
        shown = kind(Phase(action.plan_id, action.id, action.input, dict(output)))
        registry.middleware.wrap(kind, "present", shown, lambda: None)()
        output = shown.output
    return output


async def load_callback_data(world: World, plan_id: str, action_id: int) -> dict[str, Any]:
    """The output of an action as a callback reports it."""

    def read(tx: sqlite3.Cursor) -> dict[str, Any]:
        action = plans.load_whole(tx, plan_id).actions[action_id]
        return presented(tx, world.registry, action, long_output.of_action(tx, plan_id, action_id))

    return await world.database.query(read)
