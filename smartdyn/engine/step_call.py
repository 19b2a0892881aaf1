"""Calls an action's own code for one step and says how it came out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from smartdyn.actions.action import Action, Suspend, conform
from smartdyn.actions.phases import ActingPhase, FinalizePhase, RunPhase
from smartdyn.aio import settled
from smartdyn.engine.environment import Environment
from smartdyn.engine.failures import step_error
from smartdyn.engine.planning import Planned, PlanRequest
from smartdyn.engine.unit import Unit
from smartdyn.log.context import Subject
from smartdyn.model import references
from smartdyn.model.records import ActionRecord, Plan, Step, StepError
from smartdyn.model.states import StepKind, StepState
from smartdyn.store.database import Write
from smartdyn.store.events import InsertEvent, PlannedEvent
from smartdyn.store.json import dumps


def subject(plan: Plan, step: Step) -> Subject:
    """What lines of the log are about that come from the code of a step."""
    return Subject(plan.request_id, plan.id, plan.host, step.id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call came out.

    @param state: success, suspended or error.
    @param action: the record with the input and output that the call left; those before it when it failed to leave
        ones that can be stored.
    @param writes: to be committed with it. A call that failed has none: nothing it did is half done.
    @param events: what the call wants delivered to steps.
    @param sub_plans: the plans that the call wants started.
    """

    step_id: int
    state: StepState
    action: ActionRecord
    spent: float
    progress: float = 0.0
    error: StepError | None = None
    writes: tuple[Write, ...] = ()
    effects: tuple[Callable[[], None], ...] = ()
    events: tuple[PlannedEvent, ...] = ()
    sub_plans: tuple[Planned, ...] = ()

    def add_to(self, unit: Unit, environment: Environment) -> None:
        """Have everything that the call asked for committed with C{unit}, or happen afterwards."""
        step_id = self.step_id
        unit.write_for(step_id, *self.writes)
        for planned in self.sub_plans:
            unit.write_for(step_id, *environment.new_plan_writes(planned))
            unit.after(partial(environment.execute, planned))
            unit.otherwise(partial(environment.abandon, planned))
        for event in self.events:
            unit.write(InsertEvent(event))
            unit.after(partial(environment.planned_events.arm, event))
        unit.after(*self.effects)

    def come_to_nothing(self, environment: Environment) -> None:
        """Nothing of what the call asked for happens."""
        for planned in self.sub_plans:
            environment.abandon(planned)


class StepCall:
    """One call of C{run} or C{finalize}."""

    _log = Logger()

    def __init__(self, environment: Environment, plan: Plan, step: Step, record: ActionRecord) -> None:
        self._environment = environment
        self._plan = plan
        self._step = step
        self._record = record
        self._began = environment.now()
        self._kind = environment.registry.find_or_missing(record.class_name)
        self._phase = self._make_phase()
        self._action: Action | None = None

    def prepare(self, output_of: Callable[[references.OutputReference], Any]) -> Outcome | None:
        """Make the action, put values in the place of output references, and check what may not be as it should.

        @return: the failure, if that cannot be done.
        """
        try:
            self._action = self._kind(self._phase)
            if self._kind.resolves_references:
                resolved = references.dereference(self._record.input, output_of)
                self._phase.input.clear()
                self._phase.input.update(resolved)
            if self._kind.input_format is not None:
                conform(self._phase.input, self._kind.input_format, "Invalid input")
            if self._kind.singleton:
                self._environment.singletons.claim(self._kind.name(), self._plan.id)
        except Exception as error:
            return self.failed(error)
        return None

    def call(self, event: Any = None) -> Outcome:
        """The outcome of code that returns at once."""
        try:
            returned = self._invoke(event)
            if inspect.isawaitable(returned):
                if inspect.iscoroutine(returned):
                    returned.close()
                raise TypeError(f"{self._record.class_name} is transactional, so its {self._phase.name} cannot wait")
        except Suspend:
            return self._ended(StepState.SUSPENDED)
        except Exception as error:
            return self.failed(error)
        return self._ended(StepState.SUCCESS)

    async def call_and_wait(self, event: Any = None) -> Outcome:
        """The outcome of code that may take its time.

        @raise CancelledError: it was cancelled, by the service or by itself.
        """
        try:
            if self._kind.blocking:
                returned = await self._environment.in_thread(lambda: self._invoke(event))
            else:
                returned = self._invoke(event)
            await settled(returned)
        except CancelledError:
            raise
        except Suspend:
            return self._ended(StepState.SUSPENDED)
        except Exception as error:
            return self.failed(error)
        return self._ended(StepState.SUCCESS)

    def failed(self, error: Exception) -> Outcome:
        """The outcome of a call that raised C{error}; it is logged and kept with the step."""
        failure = step_error(error)
        self._log.warn(
            "step {plan_id}:{step_id} of {action} failed: {reason} ({error_class})",
            plan_id=self._step.plan_id,
            step_id=self._step.id,
            action=self._record.class_name,
            reason=failure.message,
            error_class=failure.exception_class,
        )
        try:
            action = self._left()
        except Exception:
            action = self._record
        return Outcome(self._step.id, StepState.ERROR, action, self._spent(), self._progress(), error=failure)

    def _make_phase(self) -> ActingPhase:
        record, environment = self._record, self._environment
        values = (record.plan_id, record.id, dict(record.input), dict(record.output))
        if self._step.kind is not StepKind.RUN:
            return FinalizePhase(*values, now=self._began, resources=environment.resources)
        return RunPhase(
            *values,
            now=self._began,
            resources=environment.resources,
            run_step_id=self._step.id,
            step_started_at=self._step.started_at or self._began,
            cancel_requested=self._plan.cancel_requested_at is not None,
            sink=environment.sink,
        )

    def _invoke(self, event: Any) -> Any:
        point = self._phase.name.lower()
        method = getattr(self._action, point)
        wrapped = self._environment.registry.middleware.wrap(self._kind, point, self._action, method)
        if event is None:
            return wrapped()
        if not self._kind.accepts_events():
            raise TypeError(f"{self._record.class_name} takes no events, but got {event!r}")
        return wrapped(event)

    def _ended(self, state: StepState) -> Outcome:
        try:
            action = self._left()
            if (
                state is StepState.SUCCESS
                and isinstance(self._phase, RunPhase)
                and self._kind.output_format is not None
            ):
                conform(action.output, self._kind.output_format, "Invalid output")
            events = self._events()
            sub_plans = self._sub_plans()
        except Exception as error:
            return self.failed(error)
        return Outcome(
            self._step.id,
            state,
            action,
            self._spent(),
            self._progress(),
            writes=tuple(self._phase.writes),
            effects=tuple(self._phase.effects),
            events=events,
            sub_plans=sub_plans,
        )

    def _left(self) -> ActionRecord:
        """The record as the call left it, checked that it can be stored."""
        output = references.serialize(self._phase.output)
        dumps(output)
        dumps(self._phase.input)
        return replace(self._record, input=self._phase.input, output=output)

    def _events(self) -> tuple[PlannedEvent, ...]:
        if not isinstance(self._phase, RunPhase):
            return ()
        environment = self._environment
        return tuple(
            PlannedEvent(
                environment.new_id(),
                wanted.plan_id,
                wanted.step_id,
                environment.registry.events.dump(wanted.event),
                wanted.due_at,
                wanted.optional,
            )
            for wanted in self._phase.events
        )

    def _sub_plans(self) -> tuple[Planned, ...]:
        if not isinstance(self._phase, RunPhase):
            return ()
        return tuple(
            self._environment.plan(
                PlanRequest(
                    wanted.action,
                    wanted.args,
                    wanted.plan_id or self._environment.new_id(),
                    request_id=self._plan.request_id,
                    caller=(self._plan.id, self._record.id),
                )
            )
            for wanted in self._phase.sub_plans
        )

    def _progress(self) -> float:
        """How far the step is; an action that cannot say makes no progress."""
        if not isinstance(self._phase, RunPhase):
            return 0.5
        if self._action is None:
            return 0.0
        try:
            progress = float(self._action.run_progress())
        except Exception:
            self._log.failure("{action} cannot tell its progress", action=self._record.class_name)
            return 0.0
        return min(max(progress, 0.0), 1.0) if math.isfinite(progress) else 0.0

    def _spent(self) -> float:
        return max(self._environment.now() - self._began, 0.0)
