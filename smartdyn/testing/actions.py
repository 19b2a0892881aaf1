"""Single calls of actions, without a plan around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartdyn.actions.action import Action
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.step_call import StepCall
from smartdyn.model.ids import random_id
from smartdyn.model.records import ActionRecord, Plan, Step, StepError, WholePlan
from smartdyn.model.states import StepKind, StepState
from smartdyn.store.database import Write
from smartdyn.testing.engine import Engine, done


@dataclass(frozen=True, slots=True)
class ActionCall:
    """How a call came out.

    @param state: success, suspended or error.
    @param events: the events it planned, with the seconds until each is due.
    @param sub_plans: the plans it started.
    @param writes: what it asked to be written.
    """

    state: StepState
    input: dict[str, Any]
    output: dict[str, Any]
    error: StepError | None
    events: tuple[tuple[Any, float], ...]
    sub_plans: tuple[WholePlan, ...]
    writes: tuple[Write, ...]


def plan(action: type[Action], *args: Any, engine: Engine | None = None) -> WholePlan:
    """The plan that an action makes of its arguments. Nothing is stored or executed.

    @raise AssertionError: planning failed; the text says why.
    """
    engine = engine or Engine([action])
    planned = engine.world.plan(PlanRequest(action, args, random_id()))
    if planned.error is not None:
        raise AssertionError(f"planning failed: {planned.error.message} ({planned.error.exception_class})")
    return planned.whole


def call_run(
    action: type[Action],
    input: dict[str, Any] | None = None,
    *,
    event: Any = None,
    output: dict[str, Any] | None = None,
    resources: Mapping[type[Any], Any] | None = None,
    engine: Engine | None = None,
) -> ActionCall:
    """Call C{run} once.

    @param output: what earlier calls left.
    """
    return _call(action, StepKind.RUN, input, event, output, resources, engine)


def call_finalize(
    action: type[Action],
    input: dict[str, Any] | None = None,
    *,
    output: dict[str, Any] | None = None,
    resources: Mapping[type[Any], Any] | None = None,
    engine: Engine | None = None,
) -> ActionCall:
    """Call C{finalize}.

    @param output: what C{run} left.
    """
    return _call(action, StepKind.FINALIZE, input, None, output, resources, engine)


def _call(
    action: type[Action],
    kind: StepKind,
    input: dict[str, Any] | None,
    event: Any,
    output: dict[str, Any] | None,
    resources: Mapping[type[Any], Any] | None,
    engine: Engine | None,
) -> ActionCall:
    engine = engine or Engine([action], resources=resources)
    plan_id, now = random_id(), engine.clock.seconds()
    plan = Plan(plan_id, now)
    step = Step(plan_id, 2, kind, 1, action.name(), StepState.RUNNING, started_at=now)
    record = ActionRecord(plan_id, 1, action.name(), 1, input=dict(input or {}), output=dict(output or {}))
    call = StepCall(engine.world.environment, plan, step, record)
    outcome = call.prepare(lambda reference: {}) or done(call.call_and_wait(event))
    return ActionCall(
        outcome.state,
        outcome.action.input,
        outcome.action.output,
        outcome.error,
        tuple((engine.registry.events.load(planned.event), planned.due_at - now) for planned in outcome.events),
        tuple(planned.whole for planned in outcome.sub_plans),
        outcome.writes,
    )
