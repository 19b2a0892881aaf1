"""What becomes, at the next start, of plans that were not stopped when the service ended."""

from __future__ import annotations

from enum import Enum

from twisted.logger import Logger

from smartdyn.engine.world import World
from smartdyn.model.records import Plan, WholePlan
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.store import events, plans

_log = Logger()

_AT_ONCE = 100
"""Plans read in one go: fewer take longer, more keep requests waiting."""


class Fate(Enum):
    """How recovery goes on with a plan."""

    EXECUTE = "execute"
    CONTINUE = "continue"
    LEAVE = "leave"


def fate(plan: Plan) -> Fate:
    """What is to be done with a plan found after a start.

    Planning is one transaction, so no plan is ever found half planned (Dynflow #433). A paused plan with an error waits
    for a human; so does one that was half skipped.
    """
    if plan.state is PlanState.PLANNED:
        return Fate.EXECUTE
    if plan.state is PlanState.RUNNING:
        return Fate.CONTINUE
    if plan.state is PlanState.PAUSED and plan.result in {PlanResult.PENDING, PlanResult.SUCCESS}:
        return Fate.EXECUTE
    return Fate.LEAVE


async def recover(world: World) -> int:
    """Go on with everything that an earlier life of the service left unfinished.

    A plan that cannot be read is reported and passed over: it must not keep the others from going on.

    @return: how many plans go on.
    """
    waiting = await world.database.query(events.everything)
    unfinished = await world.database.query(plans.unfinished)
    going = 0
    for start in range(0, len(unfinished), _AT_ONCE):
        batch = unfinished[start : start + _AT_ONCE]
        for plan_id, found in zip(batch, await world.reader.load_many(batch), strict=True):
            going += _go_on(world, plan_id, found)
    for planned in waiting:
        world.arm(planned)
    world.delayed.check()
    if going:
        _log.info("{count} unfinished tasks go on", count=going)
    return going


def _go_on(world: World, plan_id: str, found: WholePlan | Exception) -> bool:
    """Go on with one plan, if that is its fate."""
    try:
        if isinstance(found, Exception):
            raise found
        decided = fate(found.plan)
        world.meters.plans_recovered.labels(decided.value).inc()
        if decided is Fate.LEAVE:
            return False
        world.claim_singletons(found)
        if decided is Fate.EXECUTE:
            world.execute(found)
        else:
            world.recover(found)
    except Exception:
        world.meters.plans_recovered.labels("failed").inc()
        _log.failure("task {plan_id} cannot be recovered; look at it in the console", plan_id=plan_id)
        return False
    return True
