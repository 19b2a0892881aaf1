"""What connects a plan with the plans that its actions started."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from smartdyn.actions.events import SubPlansChanged
from smartdyn.actions.sub_plans import SubPlanAccess
from smartdyn.aio import Spawner
from smartdyn.engine.plan_run import PlanRun
from smartdyn.engine.step_events import PendingEvent
from smartdyn.errors import EventUndeliverable
from smartdyn.model.counts import SubPlanCounts
from smartdyn.model.records import Plan
from smartdyn.store import plans

if TYPE_CHECKING:
    from smartdyn.engine.world import World


class SubPlans:
    """Counts them, cancels them, and tells whoever waits for them that one has ended."""

    def __init__(self, world: World, spawner: Spawner, running: Callable[[str], PlanRun | None]) -> None:
        """
        @param running: the plan with this id, if it is being executed.
        """
        self._world = world
        self._spawner = spawner
        self._running = running

    def access(self) -> SubPlanAccess:
        """What actions may use of this."""
        return SubPlanAccess(self._counts, self._cancel)

    def ended(self, plan: Plan) -> None:
        """A plan is stopped or paused: if the action that started it waits for that, it is told."""
        caller = self._running(plan.caller_plan_id) if plan.caller_plan_id else None
        action = caller.actions.get(plan.caller_action_id or 0) if caller is not None else None
        if caller is None or action is None or action.run_step_id is None:
            return
        if self._world.registry.find_or_missing(action.class_name).awaits_sub_plans:
            changed = PendingEvent(action.run_step_id, SubPlansChanged(), optional=True)
            caller.deliver(changed).addErrback(_quiet)

    async def _counts(self, plan_id: str, action_id: int) -> SubPlanCounts:
        return await self._world.database.query(lambda tx: plans.sub_plan_counts(tx, plan_id, action_id))

    def _cancel(self, plan_id: str, action_id: int, force: bool) -> None:
        self._spawner.spawn(f"cancelling what task {plan_id} started", self._cancel_rest(plan_id, action_id, force))

    async def _cancel_rest(self, plan_id: str, action_id: int, force: bool) -> None:
        world = self._world
        for each in await world.database.query(lambda tx: plans.uncancelled_children(tx, plan_id, action_id)):
            await world.interventions.cancel(each, force=force)


def _quiet(failure: Failure) -> None:
    failure.trap(EventUndeliverable)
