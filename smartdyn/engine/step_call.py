"""Calls an action's own code for one step and says how it came out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from smartdyn.actions.action import Action, Suspend
from smartdyn.actions.phases import ActingPhase, FinalizePhase, RunPhase
from smartdyn.engine.failures import step_error
from smartdyn.model import references
from smartdyn.model.records import ActionRecord, Plan, Step, StepError
from smartdyn.model.states import StepKind, StepState
from smartdyn.store.database import Write
from smartdyn.store.json import dumps


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call came out.

    @param state: success, suspended or error.
    @param action: the record with the input and output that the call left; those before it when it failed to leave
        ones that can be stored.
    @param writes: to be committed with it. A call that failed has none: nothing it did is half done.
    """

    state: StepState
    action: ActionRecord
    spent: float
    error: StepError | None = None
    writes: tuple[Write, ...] = ()
    effects: tuple[Callable[[], None], ...] = ()


class StepCall:
    """One call of C{run} or C{finalize}."""

    _log = Logger()

    def __init__(
        self,
        plan: Plan,
        step: Step,
        record: ActionRecord,
        action: type[Action],
        resources: Mapping[type[Any], Any],
        now: Callable[[], float],
    ) -> None:
        self._step = step
        self._record = record
        self._now = now
        self._began = now()
        self._phase = self._make_phase(plan, resources)
        self._method: Callable[..., Any] = getattr(action(self._phase), self._phase.name.lower())
        self._resolves_references = action.resolves_references
        self._accepts_events = action.accepts_events()

    def prepare(self, output_of: Callable[[references.OutputReference], Any]) -> Outcome | None:
        """Put the values in the place of output references.

        @return: the failure, when one cannot be resolved.
        """
        if not self._resolves_references:
            return None
        try:
            resolved = references.dereference(self._record.input, output_of)
        except references.DanglingReference as error:
            return self.failed(error)
        self._phase.input.clear()
        self._phase.input.update(resolved)
        return None

    def call(self, event: Any = None) -> Outcome:
        """The outcome of code that returns at once."""
        try:
            returned = self._invoke(event)
            if inspect.isawaitable(returned):
                if inspect.iscoroutine(returned):
                    returned.close()
                raise TypeError("a transactional action must return at once and cannot be asynchronous")
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
            returned = self._invoke(event)
            if inspect.iscoroutine(returned):
                await Deferred.fromCoroutine(returned)
            elif isinstance(returned, Deferred):
                await returned
        except CancelledError:
            raise
        except Suspend:
            return self._ended(StepState.SUSPENDED)
        except Exception as error:
            return self.failed(error)
        return self._ended(StepState.SUCCESS)

    def _make_phase(self, plan: Plan, resources: Mapping[type[Any], Any]) -> ActingPhase:
        kind = RunPhase if self._step.kind is StepKind.RUN else FinalizePhase
        record = self._record
        phase = kind(
            record.plan_id, record.id, dict(record.input), dict(record.output), now=self._began, resources=resources
        )
        if isinstance(phase, RunPhase):
            phase.run_step_id = self._step.id
            phase.step_started_at = self._step.started_at or self._began
            phase.cancel_requested = plan.cancel_requested_at is not None
        return phase

    def _invoke(self, event: Any) -> Any:
        if event is None:
            return self._method()
        if not self._accepts_events:
            raise TypeError(f"{self._record.class_name} takes no events, but got {event!r}")
        return self._method(event)

    def _ended(self, state: StepState) -> Outcome:
        try:
            action = self._left()
        except Exception as error:
            return self.failed(error)
        return Outcome(
            state,
            action,
            self._now() - self._began,
            writes=tuple(self._phase.writes),
            effects=tuple(self._phase.effects),
        )

    def _left(self) -> ActionRecord:
        """The record as the call left it, checked that it can be stored."""
        output = references.serialize(self._phase.output)
        dumps(output)
        dumps(self._phase.input)
        return replace(self._record, input=self._phase.input, output=output)

    def failed(self, error: Exception) -> Outcome:
        """The outcome of a call that raised C{error}; it is logged and kept with the step."""
        failure = step_error(error)
        self._log.warn(
            "step {plan_id}:{step_id} of {action} failed: {message} ({error_class})",
            plan_id=self._step.plan_id,
            step_id=self._step.id,
            action=self._record.class_name,
            message=failure.message,
            error_class=failure.exception_class,
        )
        try:
            action = self._left()
        except Exception:
            action = self._record
        return Outcome(StepState.ERROR, action, self._now() - self._began, error=failure)
