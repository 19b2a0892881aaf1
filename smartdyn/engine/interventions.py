"""What somebody outside may do to a plan: cancel it or a step of it, resume, skip, halt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from twisted.python.failure import Failure

from smartdyn.actions.events import Abort, Cancel
from smartdyn.engine.plan_run import HALTED, PlanRun
from smartdyn.engine.unit import Unit
from smartdyn.errors import EventUndeliverable, NotPossibleNow, StepNotCancellable
from smartdyn.model import changes, rules
from smartdyn.model.records import WholePlan
from smartdyn.model.skip import skip_step
from smartdyn.model.states import PlanState, StepKind
from smartdyn.store import plans
from smartdyn.store.database import Write
from smartdyn.store.delayed import DeleteDelayed
from smartdyn.store.steps import SaveStep

if TYPE_CHECKING:
    from smartdyn.engine.world import World

_AT_ONCE = 25
"""Plans that are told in one go: the wishes for them are one commit, and others have their turn in between."""


class Interventions:
    """Decides what is possible and does it."""

    def __init__(self, world: World, runs: Mapping[str, PlanRun]) -> None:
        """
        @param runs: the plans that are being executed.
        """
        self._world = world
        self._runs = runs

    async def cancel(self, plan_id: str, *, force: bool = False) -> int:
        """Ask a plan, and the plans it started, to end.

        The wish is durable before the steps hear of it, so that a restart does not forget it.

        @return: how many of its steps were told; those of the plans it started count only when it has none itself.
        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        """
        world = self._world
        own = self._runs.get(plan_id)
        told = len(own.cancellable_steps()) if own is not None else 0
        tells_others = told > 0
        family = await world.database.query(lambda tx: _family(tx, plan_id))
        for start in range(0, len(family), _AT_ONCE):
            piece = family[start : start + _AT_ONCE]
            reached = await self._cancel_running([each for each, _ in piece], Abort() if force else Cancel())
            told += 0 if tells_others else reached
            for each, state in piece:
                if state == PlanState.SCHEDULED:
                    told += await world.delayed.cancel(each)
        return told

    async def _cancel_running(self, plan_ids: Sequence[str], event: Any) -> int:
        """Send an event to the steps of some plans that can be cancelled; how many these are."""
        runs = [run for each in plan_ids if (run := self._runs.get(each)) and run.cancellable_steps()]
        reached = sum(len(run.cancellable_steps()) for run in runs)
        if runs:
            now = self._world.now()
            await self._world.database.commit(*(plans.RequestCancel(run.plan.id, now) for run in runs))
        for run in runs:
            for processed in run.cancel(event):
                processed.addErrback(_quiet)
        return reached

    async def cancel_step(self, plan_id: str, step_id: int) -> None:
        """Ask one step of a plan to end: the others go on, and the plan does not count as cancelled.

        The wish is stored until the step has ended, and told again after a restart.

        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        @raise StepNotCancellable: it has no such step, or one that cannot be cancelled now.
        """
        run = self._runs.get(plan_id)
        if run is None or step_id not in {step.id for step in run.cancellable_steps()}:
            whole = await self._world.reader.load(plan_id)
            raise StepNotCancellable(plan_id, step_id, whole.plan.state, _why_not(whole, step_id))
        await self._world.plan_event(plan_id, step_id, Cancel(), optional=True)

    async def resume(self, plan_id: str) -> None:
        """Go on with a paused plan: its failed steps are tried again.

        @raise ShuttingDown: the service takes no more.
        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        @raise NotPossibleNow: it is not paused.
        """
        async with self._world.locks.hold(plan_id):
            await self._world.resume(await self._load_paused(plan_id, "resumed"))

    async def skip(self, plan_id: str, step_id: int) -> list[int]:
        """Mark a failed step of a paused plan, and what depends on it, to be left out when it is resumed.

        @return: the steps that were marked; none when they were already.
        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        @raise NotPossibleNow: it is not paused, or has no such step.
        """
        async with self._world.locks.hold(plan_id):
            whole = await self._load_paused(plan_id, "changed")
            if step_id not in whole.steps:
                raise NotPossibleNow(plan_id, f"skipped at step {step_id}, which it does not have,", whole.plan.state)
            marked = skip_step(whole, step_id)
            result = rules.result({**whole.steps, **marked}.values())
            writes: list[Write] = [SaveStep(step) for step in marked.values()]
            await self._world.database.commit(*writes, plans.SavePlan(replace(whole.plan, result=result)))
        return list(marked)

    async def halt(self, plan_id: str) -> None:
        """Stop a plan in whatever state it is; doing it again is harmless.

        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        """
        world = self._world
        async with world.locks.hold(plan_id):
            run = self._runs.get(plan_id)
            if run is not None:
                unit = Unit()
                durable = unit.durable()
                run.halt(unit)
                await durable
                return
            whole = await world.reader.load(plan_id)
            if whole.plan.state is PlanState.STOPPED:
                return
            stopped = changes.move_plan(
                whole.plan, PlanState.STOPPED, whole.steps.values(), now=world.now(), world_id=world.id, notice=HALTED
            )
            await world.database.commit(plans.SavePlan(stopped), DeleteDelayed(plan_id), *world.closing_writes(plan_id))
        world.plan_is_over(replace(whole, plan=stopped), halted=True)

    async def _load_paused(self, plan_id: str, wish: str) -> WholePlan:
        whole = await self._world.reader.load(plan_id)
        if whole.plan.state is not PlanState.PAUSED or plan_id in self._runs:
            raise NotPossibleNow(plan_id, wish, whole.plan.state)
        return whole


def _family(tx: Any, plan_id: str) -> list[tuple[str, str]]:
    """C{plan_id}, which must exist, and the unfinished plans below it, with their states."""
    return [(plan_id, plans.load(tx, plan_id).state.value), *plans.unfinished_descendants(tx, plan_id)]


def _why_not(whole: WholePlan, step_id: int) -> str:
    """Why a step cannot be cancelled now."""
    step = whole.steps.get(step_id)
    if step is None:
        return "there is no such step"
    if whole.plan.state is not PlanState.RUNNING:
        return f"the task is {whole.plan.state}"
    if step.kind is not StepKind.RUN:
        return "only steps of the run phase can be"
    if step.state not in rules.CANCELLABLE:
        return f"it is {step.state}"
    return "its action cannot be; halt the task to stop it"


def _quiet(failure: Failure) -> None:
    failure.trap(EventUndeliverable)
