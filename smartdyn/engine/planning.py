"""Turns an action class and its arguments into an execution plan, in memory.

Planning runs the authors' C{plan} methods and nothing else: the result is a set of records that is committed as a whole
afterwards, so a crash leaves either a complete plan or none.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from smartdyn.actions.action import Action, conform
from smartdyn.actions.phases import PlanPhase
from smartdyn.actions.registry import Registry
from smartdyn.engine.failures import step_error
from smartdyn.engine.singletons import Singletons
from smartdyn.model import changes, flows, references
from smartdyn.model.flows import Atom, Concurrence, Sequence
from smartdyn.model.records import ActionRecord, Plan, Step, StepError, WholePlan
from smartdyn.model.references import OutputReference
from smartdyn.model.states import PlanState, StepKind, StepState

DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is to be planned, for whom.

    @param caller: plan id and action id of the action that starts this plan as a sub-plan.
    @param launch_digest: see L{smartdyn.model.records.Plan}.
    @param scheduled: the plan as it was stored when it was put off until now.
    """

    action: type[Action]
    args: tuple[Any, ...]
    plan_id: str
    request_id: str | None = None
    caller: tuple[str, int] | None = None
    launch_digest: bytes | None = None
    scheduled: Plan | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was made.

    @param error: why planning failed; the plan is then stopped and kept, so that it can be looked at.
    """

    whole: WholePlan
    error: StepError | None


def make_plan(
    request: PlanRequest, *, now: float, world_id: str, registry: Registry, singletons: Singletons
) -> Planned:
    """Plan one action with all that it plans itself."""
    return _Planner(request, now, world_id, registry, singletons).make()


class _Planner:
    """Collects the records of one plan while its actions' C{plan} methods run."""

    def __init__(
        self, request: PlanRequest, now: float, world_id: str, registry: Registry, singletons: Singletons
    ) -> None:
        self._request = request
        self._now = now
        self._world_id = world_id
        self._registry = registry
        self._singletons = singletons
        self._plan_id = request.plan_id
        self.steps: dict[int, Step] = {}
        self.actions: dict[int, ActionRecord] = {}
        self.host: str | None = None
        self._flow_stack: list[flows.Composed] = [Concurrence()]
        self._finalize: list[Atom] = []
        self._unmet: flows.Requirements = {}

    def make(self) -> Planned:
        """Plan the root action and close the plan."""
        plan = self._request.scheduled or Plan(
            id=self._plan_id,
            created_at=self._now,
            caller_plan_id=self._request.caller[0] if self._request.caller else None,
            caller_action_id=self._request.caller[1] if self._request.caller else None,
            request_id=self._request.request_id,
            launch_digest=self._request.launch_digest,
        )
        plan = changes.move_plan(plan, PlanState.PLANNING, (), now=self._now, world_id=self._world_id)
        error: StepError | None = None
        try:
            wrap = self._registry.middleware.wrap
            wrap(self._request.action, "plan_phase", None, self._plan_root)(self._plan_id)
        except Exception as raised:
            error = step_error(raised)
        error = error or self._first_error() or self._unresolved()
        plan = replace(
            plan,
            label=self._request.action.name(),
            root_plan_step_id=1,
            run_flow=flows.unwrap(self._flow_stack[0]),
            finalize_flow=Sequence(tuple(self._finalize)),
            step_ids=tuple(self.steps),
            host=self.host,
        )
        state = PlanState.PLANNED if error is None else PlanState.STOPPED
        plan = changes.move_plan(plan, state, self.steps.values(), now=self._now, world_id=self._world_id)
        return Planned(WholePlan(plan, self.steps, self.actions), error)

    def _plan_root(self, plan_id: str) -> None:
        self.plan_action(self._request.action, self._request.args, self._request.caller)

    def plan_action(
        self,
        action: type[Action],
        args: tuple[Any, ...],
        caller: tuple[str | None, int] | None,
        trigger: Action | None = None,
    ) -> Action:
        """Plan one action inside its own flow; errors are recorded on its step and go on to whoever planned it.

        Those that subscribed to its class are planned beside it.
        """
        subscribers = self._registry.subscribers(action)
        if not subscribers:
            return self._plan_one(action, args, caller, trigger)
        with self.block(Concurrence()):
            planned = self._plan_one(action, args, caller, trigger)
            for subscriber in subscribers:
                self.add_child(
                    planned.action_id, self.plan_action(subscriber, args, (None, planned.action_id), planned)
                )
        return planned

    def _plan_one(
        self,
        action: type[Action],
        args: tuple[Any, ...],
        caller: tuple[str | None, int] | None,
        trigger: Action | None,
    ) -> Action:
        step = self._add_step(StepKind.PLAN, len(self.actions) + 1, action, StepState.RUNNING)
        record = ActionRecord(
            plan_id=self._plan_id,
            id=step.action_id,
            class_name=action.name(),
            plan_step_id=step.id,
            caller_plan_id=caller[0] if caller else None,
            caller_action_id=caller[1] if caller else None,
        )
        self.actions[record.id] = record
        phase = _Planning(self, record.id, trigger)
        instance = action(phase)
        try:
            self._registry.require(action)
            if action.singleton:
                self._singletons.claim(action.name(), self._plan_id)
            with self.block(Concurrence()):
                self._registry.middleware.wrap(action, "plan", instance, instance.plan)(*args)
        except Exception as error:
            self._end(step.id, StepState.ERROR, step_error(error))
            raise
        else:
            self._end(step.id, StepState.SUCCESS, None)
        finally:
            self._remember_request(record.id)
        return instance

    def plan_self(self, instance: Action, trigger: Action | None, input: dict[str, Any]) -> None:
        """Give an action its run and finalize steps."""
        action, action_id = type(instance), instance.action_id
        record = replace(self.actions[action_id], input=references.serialize(input))
        needs = frozenset(reference.step_id for reference in references.references(record.input))
        if action.input_format is not None and not needs:
            conform(record.input, action.input_format, "Invalid input")
        queue = action.queue or (type(trigger).queue if trigger else None) or DEFAULT_QUEUE
        if action.method("run"):
            step = self._add_step(StepKind.RUN, action_id, action, queue=queue, weight=instance.run_progress_weight())
            record = replace(record, run_step_id=step.id)
            if needs:
                self._unmet = {**self._unmet, step.id: needs}
            self._add_to_flow(Atom(step.id))
        if action.method("finalize"):
            weight = instance.finalize_progress_weight()
            step = self._add_step(StepKind.FINALIZE, action_id, action, queue=queue, weight=weight)
            record = replace(record, finalize_step_id=step.id)
            self._finalize.append(Atom(step.id))
        self.actions[action_id] = record

    @contextmanager
    def block(self, flow: flows.Composed) -> Iterator[None]:
        """Collect what is planned meanwhile in C{flow}, then merge it into the one around."""
        self._flow_stack.append(flow)
        try:
            yield
        finally:
            self._add_to_flow(self._flow_stack.pop())

    def add_child(self, parent_action: int, child: Action) -> None:
        """Remember that an action's plan step belongs below another's."""
        parent = self.steps[self.actions[parent_action].plan_step_id]
        child_step = self.actions[child.action_id].plan_step_id
        self.steps[parent.id] = replace(parent, children=(*parent.children, child_step))

    def _add_to_flow(self, flow: flows.Flow) -> None:
        self._flow_stack[-1], self._unmet = flows.add(self._flow_stack[-1], flow, self._unmet)

    def _add_step(
        self,
        kind: StepKind,
        action_id: int,
        action: type[Action],
        state: StepState = StepState.PENDING,
        *,
        queue: str | None = None,
        weight: float = 0.0,
    ) -> Step:
        step = Step(
            plan_id=self._plan_id,
            id=len(self.steps) + 1,
            kind=kind,
            action_id=action_id,
            action_class=action.name(),
            state=state,
            queue=queue,
            progress_weight=weight,
            started_at=self._now if kind is StepKind.PLAN else None,
        )
        self.steps[step.id] = step
        return step

    def _end(self, step_id: int, state: StepState, error: StepError | None) -> None:
        self.steps[step_id] = changes.end_step(self.steps[step_id], state, now=self._now, spent=0.0, error=error)

    def _remember_request(self, action_id: int) -> None:
        record = self.actions[action_id]
        self.actions[action_id] = replace(
            record, input={**record.input, "current_request_id": self._request.request_id}
        )

    def _first_error(self) -> StepError | None:
        return next((step.error for step in self.steps.values() if step.error), None)

    def _unresolved(self) -> StepError | None:
        if not self._unmet:
            return None
        error = StepError("RuntimeError", f"Some dependencies were not resolved: {dict(self._unmet)!r}")
        root = replace(self.steps[1], state=StepState.RUNNING)
        self.steps[1] = changes.end_step(root, StepState.ERROR, now=self._now, spent=0.0, error=error)
        return error


class _Planning(PlanPhase):
    """The plan phase of one action."""

    def __init__(self, planner: _Planner, action_id: int, trigger: Action | None) -> None:
        super().__init__(planner._plan_id, action_id, {}, {})
        self._planner = planner
        self._trigger = trigger

    @property
    def trigger(self) -> Action | None:
        return self._trigger

    def output_reference(self) -> OutputReference:
        step_id = self._planner.actions[self.action_id].run_step_id
        if step_id is None:
            raise RuntimeError("the output of an action can be referred to only after plan_self")
        return OutputReference(self.plan_id, step_id, self.action_id)

    def plan_self(self, action: Action, input: dict[str, Any]) -> None:
        self._planner.plan_self(action, self._trigger, input)
        self.input = self._planner.actions[self.action_id].input

    def plan_action(self, action: type[Any], args: tuple[Any, ...]) -> Any:
        if not (inspect.isclass(action) and issubclass(action, Action)):
            raise TypeError(f"{action!r} is not an action class")
        planned = self._planner.plan_action(action, args, (None, self.action_id))
        self._planner.add_child(self.action_id, planned)
        return planned

    @contextmanager
    def block(self, kind: str) -> Iterator[None]:
        with self._planner.block(Sequence() if kind == "sequence" else Concurrence()):
            yield

    def works_on(self, host: str) -> None:
        self._planner.host = host
