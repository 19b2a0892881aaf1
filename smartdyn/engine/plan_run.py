"""One execution plan while it is executed.

The only place that changes the plan's records. Every change goes into a L{Unit}; what happens outside because of it
(starting a runner, telling a sender) waits until the unit is durable.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred

from smartdyn.actions.events import Cancel, Restarted, Skip
from smartdyn.engine import plan_hooks, rescue
from smartdyn.engine.committer import Committer
from smartdyn.engine.environment import Environment
from smartdyn.engine.failures import step_error
from smartdyn.engine.finalize_phase import FinalizeWrapper, Stage, end_of_phase
from smartdyn.engine.plan_hooks import PlanHooks
from smartdyn.engine.step_call import Outcome, StepCall, subject
from smartdyn.engine.step_events import PendingEvent, StepEvents
from smartdyn.engine.unit import Unit
from smartdyn.log.context import about, work_for
from smartdyn.model import changes, rules
from smartdyn.model.records import Plan, Step, StepError, WholePlan
from smartdyn.model.references import OutputReference
from smartdyn.model.rules import Progress, RescueStrategy
from smartdyn.model.skip import skip_step
from smartdyn.model.states import PlanState, StepKind, StepState
from smartdyn.store.events import DeleteStepEvents

HALTED = "halt execution"
"""What the history says of a plan that was stopped by force."""


class PlanRun:
    """Executes one plan, from its first step to the end."""

    def __init__(self, environment: Environment, whole: WholePlan) -> None:
        self._environment = environment
        self.plan: Plan = whole.plan
        self.steps = dict(whole.steps)
        self.actions = dict(whole.actions)
        self._committer = Committer(self.plan.id, environment.persistence, environment.spawner)
        self._hooks = PlanHooks(environment.clock, environment.registry, environment.spawner)
        self._events = StepEvents(self.plan.id)
        self._with_events: set[int] = set()
        self._active: set[int] = set()
        self._retry: set[int] = set()
        self._rescued: set[int] = set()
        self._finalizing = False
        self._wrapper: FinalizeWrapper | None = None
        self._busy = False
        self._stopping = False
        self._dead = False

    def start(self, unit: Unit) -> None:
        """Execute a planned plan, or go on with a paused one: failed steps are tried again.

        @param unit: what the beginning is committed with.
        """
        self._retry = {step.id for step in self.steps.values() if step.state is StepState.ERROR}
        self._move(PlanState.RUNNING, unit)
        self._go_on(unit)

    def recover(self) -> None:
        """Go on with a plan that an earlier life of the service was executing."""
        unit = Unit()
        self.plan = changes.take_over(
            self.plan, self.steps.values(), now=self._environment.now(), world_id=self._environment.world_id
        )
        unit.save_plan(self.plan)
        self._take_up(unit)
        self._go_on(unit)

    def recover_refused(self, steps: Collection[int], error: Exception) -> None:
        """Go on from what is stored after the database refused what C{steps} wanted to write: they have failed."""
        unit = Unit()
        if self.plan.state is not PlanState.RUNNING:
            self._move(PlanState.RUNNING, unit)
        failure = step_error(error)
        for step_id in sorted(steps):
            step = self.steps[step_id]
            if step.state in {StepState.PENDING, StepState.SUSPENDED}:
                step = changes.start_step(step, now=self._environment.now())
            if step.state is StepState.RUNNING:
                self._end_step(step, StepState.ERROR, unit, error=failure)
        self._take_up(unit)
        self._go_on(unit)

    def deliver(self, pending: PendingEvent) -> Deferred[bool]:
        """Hand an event to a step that is suspended or running.

        Fires when C{run} has dealt with it and that is durable.
        """
        step = self.steps.get(pending.step_id)
        takes_events = step is not None and step.kind is StepKind.RUN and step.state in rules.CANCELLABLE
        if self._stopping:
            pending.undone(self.plan.id, "the service is stopping")
            return pending.processed
        if not takes_events or self.plan.state is not PlanState.RUNNING:
            pending.undone(self.plan.id, "step is not suspended, it cannot process events")
            return pending.processed
        if pending.stored_id is not None:
            self._with_events.add(pending.step_id)
        self._events.add(pending)
        self._go_on(Unit())
        return pending.processed

    def cancel(self, event: Any = None) -> list[Deferred[bool]]:
        """Send a cancel event to each step that can be cancelled and is under way."""
        self.plan = replace(self.plan, cancel_requested_at=self.plan.cancel_requested_at or self._environment.now())
        return [
            self.deliver(PendingEvent(step.id, event or Cancel(), optional=True)) for step in self.cancellable_steps()
        ]

    def halt(self, unit: Unit) -> None:
        """Stop the plan whatever its steps are doing; code that is running goes on, but nothing follows it.

        @param unit: what this is committed with.
        """
        if self.plan.state is not PlanState.STOPPED:
            self._end(PlanState.STOPPED, unit, notice=HALTED)
            self._events.drop_all("the task was halted")
        self._commit(unit)

    def cancellable_steps(self) -> list[Step]:
        """The steps that a cancel would reach."""
        return self._environment.registry.cancellable(self.steps.values())

    def shut_down(self) -> None:
        """The service stops: nothing new is started, and whoever waits to be told something is told so."""
        self._stopping = True
        self._events.drop_all("the service is stopping")

    def _go_on(self, unit: Unit) -> None:
        """Start whatever may start, conclude what is done, and commit.

        An action that sends an event to its own plan gets here again; the outer call will see the event.
        """
        if self._busy:
            return
        self._busy = True
        try:
            while self.plan.state is PlanState.RUNNING and not self._stopping and self._advance(unit):
                pass
        finally:
            self._busy = False
        self._commit(unit)

    def _advance(self, unit: Unit) -> bool:
        """Do one thing that can be done now.

        @return: whether there may be more.
        """
        for step_id in self._events.waiting():
            if step_id not in self._active and self.steps[step_id].state is StepState.SUSPENDED:
                self._run_step(step_id, self._events.next(step_id), unit)
                return True
        for step_id in self._ready():
            if step_id not in self._active:
                self._run_step(step_id, None, unit)
                return True
        return self._conclude(unit)

    def _ready(self) -> tuple[int, ...]:
        if not self._finalizing:
            return rules.walk(self.plan.run_flow, self._state_of, self._retry).ready
        return rules.next_finalize(self.plan.finalize_flow, self.steps)

    def _state_of(self, step_id: int) -> StepState:
        return self.steps[step_id].state

    def _conclude(self, unit: Unit) -> bool:
        """Nothing can start: go to the next phase or end, unless something is still going.

        @return: whether there may be more to start now.
        """
        if self._active or rules.run_steps(self.steps.values(), rules.CANCELLABLE):
            return False
        finalize = rules.finalize_steps(self.plan.finalize_flow, self.steps)
        if self._finalizing:
            if self._wrapper is not None and self._wrapper.stage is not Stage.AFTER:
                unit.after(self._wrapper.leave)
                return False
            failed = any(step.state is StepState.ERROR for step in finalize)
        else:
            failed = rules.walk(self.plan.run_flow, self._state_of, self._retry).progress is Progress.FAILED
        if failed:
            return self._rescue(unit)
        if finalize and not self._finalizing:
            return self._open_finalize(finalize, unit)
        self._end(PlanState.STOPPED, unit)
        return False

    def _open_finalize(self, finalize: list[Step], unit: Unit) -> bool:
        registry = self._environment.registry
        kind = registry.find_or_missing(finalize[0].action_class)
        if not registry.middleware.stack(kind, "finalize_phase"):
            self._begin_finalize(unit)
            return True
        if self._wrapper is None:
            self._wrapper = FinalizeWrapper(registry, kind, self.plan.id)
            name = f"middleware of the finalize phase of task {self.plan.id}"
            unit.after(lambda: self._environment.spawner.spawn(name, self._wrap_finalize()))
        return False

    def _begin_finalize(self, unit: Unit) -> None:
        self._finalizing = True
        for step in rules.finalize_steps(self.plan.finalize_flow, self.steps):
            self._save_step(changes.reset_finalize(step), unit)

    async def _wrap_finalize(self) -> None:
        """Let the middleware begin the phase, and go on when it is done with it."""
        assert self._wrapper is not None

        def begin() -> None:
            unit = Unit()
            self._begin_finalize(unit)
            self._go_on(unit)

        error = await self._wrapper.run(begin)
        unit = Unit()
        if self.plan.state is PlanState.RUNNING:
            steps = rules.finalize_steps(self.plan.finalize_flow, self.steps)
            now = self._environment.now()
            for step in end_of_phase(steps, error, begun=self._finalizing, now=now):
                self._save_step(step, unit)
            self._finalizing = True
        self._go_on(unit)

    def _rescue(self, unit: Unit) -> bool:
        failed = {step.id for step in self.steps.values() if step.state is StepState.ERROR}
        strategy = rescue.strategy(self._whole(), self._environment.registry)
        if not self._environment.auto_rescue:
            strategy = RescueStrategy.PAUSE
        if strategy is RescueStrategy.SKIP and failed - self._rescued:
            self._rescued |= failed
            for step_id in sorted(failed):
                for step in skip_step(self._whole(), step_id).values():
                    self._save_step(step, unit)
            return True
        self._end(rules.ended_state(True, strategy), unit)
        return False

    def _end(self, state: PlanState, unit: Unit, notice: str | None = None) -> None:
        self._move(state, unit, notice)
        if state is PlanState.STOPPED:
            unit.write(*self._environment.closing_writes(self.plan.id))
        unit.after(lambda: self._environment.ended(self))

    def _run_step(self, step_id: int, pending: PendingEvent | None, unit: Unit) -> None:
        """Call a step's code: at once when its outcome can be committed along, else when its start is durable."""
        step = self.steps[step_id]
        action = self._environment.registry.find_or_missing(step.action_class)
        if step.state is StepState.SKIPPING:
            if not action.accepts_events():
                self._save_step(replace(step, state=StepState.SKIPPED, progress_done=1.0), unit)
                return
            pending = PendingEvent(step_id, Skip(), optional=True)
        self._save_step(changes.start_step(step, now=self._environment.now()), unit)
        self._active.add(step_id)
        if action.transactional:
            with about(subject(self.plan, step)):
                call = self._make_call(step_id)
                outcome = call.prepare(self._output_of) or call.call(pending.event if pending else None)
            self._settle(step_id, outcome, pending, unit)
        else:
            name = f"step {step_id} of task {self.plan.id}"
            unit.after(lambda: self._environment.spawner.spawn(name, self._execute(step_id, pending)))

    async def _execute(self, step_id: int, pending: PendingEvent | None) -> None:
        call: StepCall | None = None
        try:
            async with self._environment.place(self.steps[step_id].queue):
                work_for(subject(self.plan, self.steps[step_id]))
                call = self._make_call(step_id)
                outcome = call.prepare(self._output_of)
                if outcome is None:
                    outcome = await call.call_and_wait(pending.event if pending else None)
        except CancelledError as error:
            if self._stopping or call is None:
                if pending is not None:
                    pending.undone(self.plan.id, "the service is stopping")
                raise
            outcome = call.failed(error)
        unit = Unit()
        self._settle(step_id, outcome, pending, unit)
        self._go_on(unit)

    def _make_call(self, step_id: int) -> StepCall:
        step = self.steps[step_id]
        return StepCall(self._environment, self.plan, step, self.actions[step.action_id])

    def _settle(self, step_id: int, outcome: Outcome, pending: PendingEvent | None, unit: Unit) -> None:
        """Take over how a call came out."""
        self._active.discard(step_id)
        self._retry.discard(step_id)
        before = self.actions[outcome.action.id]
        self.actions[outcome.action.id] = outcome.action
        unit.save_action(outcome.action, input_changed=before.input != outcome.action.input)
        step = self.steps[step_id]
        if pending is not None and pending.cancels_one_step:
            step = replace(step, cancelled_at=step.cancelled_at or self._environment.now())
        skipped = step.state is StepState.SKIPPING and outcome.state is not StepState.ERROR
        state = StepState.SKIPPED if skipped else outcome.state
        self._end_step(step, state, unit, error=outcome.error, spent=outcome.spent, progress=outcome.progress)
        if self.plan.state is PlanState.RUNNING:
            # Nothing follows in a plan that was halted meanwhile
            self._with_events.update([step_id] if outcome.events else [])
            outcome.add_to(unit, self._environment)
        else:
            outcome.come_to_nothing(self._environment)
        if pending is not None:
            unit.dealt_with(pending)

    def _end_step(
        self,
        step: Step,
        state: StepState,
        unit: Unit,
        *,
        error: StepError | None = None,
        spent: float = 0.0,
        progress: float | None = None,
    ) -> None:
        now = self._environment.now()
        ended = changes.end_step(step, state, now=now, spent=spent, error=error, progress=progress)
        self._save_step(ended, unit)
        meter = self._environment.meters.of_step(step.action_class, step.kind.name.lower())
        meter.left(state.value)
        if state is StepState.SUSPENDED:
            return
        meter.ended(max(ended.real_time, 0.0), ended.execution_time)
        if step.id in self._with_events or self._environment.planned_events.has(self.plan.id, step.id):
            unit.write(DeleteStepEvents(self.plan.id, step.id))
        unit.after(lambda: self._forget_events(step.id))

    def _forget_events(self, step_id: int) -> None:
        self._environment.planned_events.forget(self.plan.id, step_id)
        self._events.drop(step_id, "Message dropped")

    def _take_up(self, unit: Unit) -> None:
        """Decide about the steps that were under way when somebody else last had this plan."""
        finalize = rules.finalize_steps(self.plan.finalize_flow, self.steps)
        self._finalizing = any(step.state in {StepState.SUCCESS, StepState.RUNNING} for step in finalize)
        for step in rules.under_way(self.steps.values()):
            action = self._environment.registry.find_or_missing(step.action_class)
            if step.kind is StepKind.RUN and action.handles_restart:
                self.steps[step.id] = replace(step, state=StepState.SUSPENDED)
                self._events.add(PendingEvent(step.id, Restarted(), optional=True))
            elif step.state is StepState.RUNNING:
                self._end_step(step, StepState.ERROR, unit, error=rules.ABNORMAL)

    def _refused(self, unit: Unit, error: Exception) -> None:
        """The database refused a unit for good: what is in memory is not what is stored."""
        self._dead = self._stopping = True
        self._events.drop_all("its task is read again from the database")
        self._environment.rejected(self, unit.authors, error)

    def _output_of(self, reference: OutputReference) -> Any:
        return self.actions[reference.action_id].output

    def _move(self, state: PlanState, unit: Unit, notice: str | None = None) -> None:
        self.plan = changes.move_plan(
            self.plan,
            state,
            self.steps.values(),
            now=self._environment.now(),
            world_id=self._environment.world_id,
            notice=notice,
        )
        unit.save_plan(self.plan)
        for kind in plan_hooks.kinds(self.plan, halted=notice == HALTED):
            wanted = self._hooks.wanted(self._whole(), kind)
            if wanted:
                unit.after(partial(self._hooks.call, wanted))

    def _save_step(self, step: Step, unit: Unit) -> None:
        self.steps[step.id] = step
        unit.save_step(step)

    def _whole(self) -> WholePlan:
        return WholePlan(self.plan, self.steps, self.actions)

    def _commit(self, unit: Unit) -> None:
        if self._dead:
            unit.dismiss(self.plan.id)
            return
        result = rules.result(self.steps.values())
        if result is not self.plan.result:
            self.plan = replace(self.plan, result=result)
            unit.save_plan(self.plan)
        self._committer.commit(unit, self._refused)
