"""Plans that are put off: until a time, until other plans have stopped, or until somebody lets them go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smartdyn.aio import Spawner
from smartdyn.engine.planning import PlanRequest
from smartdyn.errors import ShuttingDown, StoreError
from smartdyn.log.context import NOTHING, work_for
from smartdyn.model import changes
from smartdyn.model.records import ActionRecord, Delay, Plan, Step, StepError, WholePlan
from smartdyn.model.states import PlanState, StepKind, StepState
from smartdyn.store import delayed, plans, vault
from smartdyn.store.database import Write
from smartdyn.store.delayed import DeleteDelayed, InsertDelayed, Schedule, SetFrozen
from smartdyn.store.plans import InsertPlan, ReplacePlan, SavePlan
from smartdyn.store.steps import SaveStep

if TYPE_CHECKING:
    from smartdyn.engine.world import World

_AT_ONCE = 100
_RETRY = 15.0
"""Seconds until it is tried again when the database could not be asked (Dynflow's interval of polling)."""

ARGUMENTS = 0
"""The number under which secrets in the arguments are sealed; actions are numbered from 1."""


class DelayedPlans:
    """Keeps plans until their time has come, then plans and executes them."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, world: World, spawner: Spawner) -> None:
        self._clock = clock
        self._world = world
        self._spawner = spawner
        self._timer: IDelayedCall | None = None
        self._has_waiting = False
        self._checking = False
        self._again = False
        self._stopped = False

    async def delay(self, request: PlanRequest, delay: Delay) -> str:
        """Store a plan that is to be planned later.

        @return: its id.
        """
        world, action = self._world, request.action
        store = world.registry.middleware.wrap(action, "delay", None, action.delay)
        args: Sequence[Any] = store(delay, *request.args)
        whole = _scheduled(request, now=world.now(), world_id=world.id)
        writes: list[Write] = [InsertPlan(whole), InsertDelayed(request.plan_id, delay, args)]
        sealed = world.vault.seal(request.plan_id, ARGUMENTS, list(args))
        await world.database.commit(*writes, *([sealed] if sealed else []))
        world.call_hooks(whole, PlanState.SCHEDULED.value)
        self.check()
        return request.plan_id

    async def set_frozen(self, plan_id: str, frozen: bool, start_at: float | None = None) -> None:
        """Keep a plan from being started, or let it go.

        @param start_at: the time from which on it may start, when that is to change.
        """
        await self._world.database.commit(SetFrozen(plan_id, frozen, start_at))
        self.check()

    async def cancel(self, plan_id: str) -> bool:
        """Stop a plan before it is planned.

        @return: whether it was still waiting.
        """
        async with self._world.locks.hold(plan_id):
            whole = await self._world.reader.load(plan_id)
            if whole.plan.state is not PlanState.SCHEDULED:
                return False
            await self._give_up(whole, StepState.CANCELLED, "Delayed task cancelled")
        return True

    def check(self) -> None:
        """See what is to be started now."""
        if self._stopped:
            return
        if self._checking:
            self._again = True
            return
        self._checking = True
        self._spawner.spawn("delayed plans", self._check())

    def plan_stopped(self) -> None:
        """Some plan has stopped, which others may have been waiting for."""
        if self._has_waiting:
            self.check()

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped = True
        self._set_timer(None)

    async def _check(self) -> None:
        work_for(NOTHING)
        try:
            self._again = True
            while self._again and not self._stopped:
                self._again = False
                found = await self._world.database.query(self._schedule)
                stumbled = False
                for plan_id in found.ready:
                    stumbled = not await self._start(plan_id) or stumbled
                self._again = self._again or (bool(found.ready) and not stumbled)
                self._has_waiting = found.has_waiting
                self._set_timer(self._world.now() + _RETRY if stumbled else found.next_at)
        except (CancelledError, ShuttingDown):
            raise
        except Exception:
            self._log.failure("cannot look for delayed plans, trying again in {delay} s", delay=_RETRY)
            self._set_timer(self._world.now() + _RETRY)
        finally:
            self._checking = False

    def _schedule(self, tx: Any) -> Schedule:
        return delayed.schedule(tx, self._world.now(), _AT_ONCE)

    def _set_timer(self, at: float | None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if at is not None and not self._stopped:
            self._timer = self._clock.callLater(max(at - self._world.now(), 0.0), self.check)

    async def _start(self, plan_id: str) -> bool:
        """Start one plan; one that cannot be started is stopped, and does not keep others waiting.

        @return: False when it has to be tried again.
        """
        async with self._world.locks.hold(plan_id):
            try:
                await self._start_alone(plan_id)
            except (CancelledError, ShuttingDown):
                raise
            except StoreError as error:
                self._log.error("the delayed task {plan_id} has to wait: {error}", plan_id=plan_id, error=error)
                return False
            except Exception as error:
                self._log.failure("the delayed task {plan_id} cannot be started", plan_id=plan_id)
                whole = await self._world.reader.load(plan_id)
                await self._give_up(whole, StepState.ERROR, "finish execution", f"{type(error).__name__}: {error}")
        return True

    async def _start_alone(self, plan_id: str) -> None:
        world = self._world

        def read(tx: Any) -> Any:
            stored = delayed.load(tx, plan_id)
            failed = delayed.failed_prerequisites(tx, plan_id)
            return stored, failed, plans.load_whole(tx, plan_id), vault.sealed(tx, plan_id)

        stored, failed, whole, sealed = await world.database.query(read)
        if stored is None or whole.plan.state is not PlanState.SCHEDULED:
            await world.database.commit(DeleteDelayed(plan_id))
            return
        delay, args = stored
        if delay.start_before is not None and delay.start_before <= world.now():
            text = f"Execution plan could not be started before set time ({delay.start_before:.0f})"
            await self._give_up(whole, StepState.ERROR, "timeout", text)
        elif failed:
            text = f"Prerequisite execution plans failed: {', '.join(failed)}"
            await self._give_up(whole, StepState.ERROR, "failed-dependency", text)
        else:
            if ARGUMENTS in sealed:
                args = world.vault.open_into(plan_id, ARGUMENTS, args, sealed[ARGUMENTS])
            await self._plan(whole, args)

    async def _plan(self, whole: WholePlan, args: Sequence[Any]) -> None:
        world, plan, root = self._world, whole.plan, whole.actions[1]
        action = world.registry.find(root.class_name)
        planned = world.plan(
            PlanRequest(
                action,
                tuple(action.planned_with(args)),
                plan.id,
                request_id=plan.request_id,
                caller=(plan.caller_plan_id, plan.caller_action_id or 1) if plan.caller_plan_id else None,
                scheduled=plan,
            )
        )
        await world.store([planned], ReplacePlan(planned.whole), DeleteDelayed(plan.id), vault.WipeSecrets(plan.id))

    async def _give_up(self, whole: WholePlan, state: StepState, notice: str, text: str | None = None) -> None:
        """Stop a plan that was never planned."""
        world = self._world
        error = StepError("RuntimeError", text) if text else None
        step = changes.end_step(whole.steps[1], state, now=world.now(), spent=0.0, error=error)
        plan = changes.move_plan(
            whole.plan, PlanState.STOPPED, [step], now=world.now(), world_id=world.id, notice=notice
        )
        await world.database.commit(
            SaveStep(step), SavePlan(plan), DeleteDelayed(plan.id), *world.closing_writes(plan.id)
        )
        world.plan_is_over(WholePlan(plan, {1: step}, whole.actions))


def _scheduled(request: PlanRequest, *, now: float, world_id: str) -> WholePlan:
    """The records of a plan before its planning: its root action and that action's plan step."""
    caller_plan_id, caller_action_id = request.caller or (None, None)
    plan = Plan(
        id=request.plan_id,
        created_at=now,
        root_plan_step_id=1,
        step_ids=(1,),
        caller_plan_id=caller_plan_id,
        caller_action_id=caller_action_id,
        request_id=request.request_id,
        launch_digest=request.launch_digest,
    )
    step = Step(request.plan_id, 1, StepKind.PLAN, 1, request.action.name(), StepState.PENDING)
    action = ActionRecord(
        request.plan_id,
        1,
        request.action.name(),
        plan_step_id=1,
        caller_plan_id=caller_plan_id,
        caller_action_id=caller_action_id,
    )
    plan = changes.move_plan(plan, PlanState.SCHEDULED, [step], now=now, world_id=world_id)
    return WholePlan(plan, {1: step}, {1: action})
