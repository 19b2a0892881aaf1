"""The base class of all actions: what authors of workflows write against.

An action has up to three methods of its own. C{plan(*args)} decides, when the work is accepted, what will be done: it
plans the action itself (C{plan_self}) and others (C{plan_action}). C{run(event)} does it, C{finalize()} concludes it
when everything in the plan has run. An instance lives for one such call; what must last goes into C{output}.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn, TypeVar

import msgspec

from smartdyn.actions.middleware import MiddlewareRules
from smartdyn.actions.phases import EventPlan, FinalizePhase, Phase, PlanPhase, RunPhase, StepHandle, SubPlanRequest
from smartdyn.model.counts import SubPlanCounts
from smartdyn.model.rules import RescueStrategy
from smartdyn.store.database import Write

T = TypeVar("T")
A = TypeVar("A", bound="Action")


class Suspend(BaseException):
    """Leaves C{run} with the step suspended; below BaseException so that no handler of the author's swallows it."""


class ActionFailed(Exception):
    """An action gave up by its own decision."""


class WrongPhase(TypeError):
    """Something was used in a phase in which it has no meaning."""

    def __init__(self, phase: Phase, wanted: str) -> None:
        super().__init__(f"Wrong phase {phase.name}, required {wanted}")


class InvalidInput(ValueError):
    """Values do not conform to the format that an action declares."""


def conform(value: Any, format: Any, what: str) -> Any:
    """C{value} as a record of C{format}.

    @raise InvalidInput: it is none; the text says where and why.
    """
    try:
        return msgspec.convert(value, format)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{what}: {error}") from None


class Action:
    """Base of all actions.

    @cvar class_name: the name under which the class is registered and shown; Foreman knows the Ruby ones.
    @cvar aliases: other names by which it may be asked for.
    @cvar queue: the queue its steps wait in, C{default} when None.
    @cvar cancellable: C{run} understands L{smartdyn.actions.events.Cancel}.
    @cvar handles_restart: C{run} understands L{smartdyn.actions.events.Restarted}.
    @cvar transactional: C{run} and C{finalize} only decide: they return at once, and all their effects are C{output},
        C{write} and C{after_commit}. Such a step costs no commit of its own and can safely be repeated after a crash,
        since what was not committed did not happen.
    @cvar resolves_references: output references in C{input} are replaced by their values before C{run}.
    @cvar streams_output: the action's output has a list C{result}, made of the chunks stored for it.
    @cvar counts_sub_plans: the action's output has true counts of the plans it started.
    @cvar awaits_sub_plans: C{run} understands L{smartdyn.actions.events.SubPlansChanged}.
    @cvar blocking: C{run} and C{finalize} block, so they are called in a thread; there they may use C{input}, C{output}
        and whatever else this class offers, and nothing of the service's own.
    @cvar singleton: only one plan with this action is under way at a time.
    @cvar subscribes_to: classes (or their names) that this action is planned along with, with the same arguments.
    @cvar events: classes of events (frozen dataclasses) that C{plan_event} may be given.
    @cvar middleware: rules for this class and those below it.
    @cvar input_format: a dataclass, TypedDict or msgspec.Struct that C{input} must conform to.
    @cvar output_format: likewise for C{output} after C{run} has succeeded.
    """

    class_name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    queue: ClassVar[str | None] = None
    cancellable: ClassVar[bool] = False
    handles_restart: ClassVar[bool] = False
    transactional: ClassVar[bool] = False
    resolves_references: ClassVar[bool] = True
    streams_output: ClassVar[bool] = False
    counts_sub_plans: ClassVar[bool] = False
    awaits_sub_plans: ClassVar[bool] = False
    blocking: ClassVar[bool] = False
    singleton: ClassVar[bool] = False
    subscribes_to: ClassVar[tuple[type[Action] | str, ...]] = ()
    events: ClassVar[tuple[type[Any], ...]] = ()
    middleware: ClassVar[MiddlewareRules] = MiddlewareRules()
    input_format: ClassVar[Any] = None
    output_format: ClassVar[Any] = None

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    @classmethod
    def name(cls) -> str:
        """The registered name, by default module and class."""
        return cls.class_name or f"{cls.__module__}.{cls.__qualname__}"

    @classmethod
    def method(cls, phase: str) -> Callable[..., Any] | None:
        """The author's method for a phase, None when the class has none: then it gets no such step."""
        return getattr(cls, phase, None)

    @classmethod
    def accepts_events(cls) -> bool:
        """Does C{run} take an event?"""
        run = cls.method("run")
        return run is not None and len(inspect.signature(run).parameters) > 1

    @property
    def input(self) -> dict[str, Any]:
        """What the action works with: JSON values, and secrets as L{smartdyn.secret.Secret}."""
        return self._phase.input

    @property
    def output(self) -> Any:
        """What it produced; while planning, a reference to what it will have produced."""
        if isinstance(self._phase, PlanPhase):
            return self._phase.output_reference()
        return self._phase.output

    @property
    def plan_id(self) -> str:
        """The execution plan's id."""
        return self._phase.plan_id

    @property
    def action_id(self) -> int:
        """The action's number in its plan."""
        return self._phase.action_id

    @property
    def typed_input(self) -> Any:
        """C{input} as the record that C{input_format} declares.

        @raise InvalidInput: it does not conform.
        """
        return conform(self.input, self.input_format, "Invalid input")

    @property
    def trigger(self) -> Action | None:
        """While planning: the action that this one subscribed to, if that is why it is planned."""
        found: Action | None = self._planning().trigger
        return found

    @classmethod
    def delay(cls, options: Any, *args: Any) -> Sequence[Any]:
        """The JSON values to store for a planning that comes later; L{planned_with} gives them back as arguments."""
        del options
        return args

    @classmethod
    def planned_with(cls, stored: Sequence[Any]) -> Sequence[Any]:
        """The arguments for C{plan} out of what L{delay} stored."""
        return stored

    def plan(self, *args: Any) -> None:
        """Decide what will be done. By default: run this action with the given input, or with that of its trigger."""
        if self.trigger is not None:
            self.plan_self(self.trigger.input)
        else:
            self.plan_self(*args)

    def plan_self(self, input: dict[str, Any] | None = None) -> Action:
        """Have this action's C{run} and C{finalize} called with C{input}, which may hold output references."""
        if not isinstance(input, Mapping | None):
            raise TypeError(f"the input of {self.name()} must be a mapping of names and values, not {input!r}")
        self._planning().plan_self(self, dict(input or {}))
        return self

    def plan_action(self, action: type[A], *args: Any) -> A:
        """Make another action part of the plan; what its C{plan} plans goes where this one stands."""
        planned = self._planning().plan_action(action, args)
        assert isinstance(planned, action)
        return planned

    @contextmanager
    def sequence(self) -> Iterator[None]:
        """What is planned inside goes one after another."""
        with self._planning().block("sequence"):
            yield

    @contextmanager
    def concurrence(self) -> Iterator[None]:
        """What is planned inside goes at the same time."""
        with self._planning().block("concurrence"):
            yield

    def works_on(self, host: str) -> None:
        """Name the host that this plan works on, for lists and searches."""
        self._planning().works_on(host)

    def suspend(self, announce: Callable[[StepHandle], None] | None = None) -> NoReturn:
        """Leave C{run}; the step waits for an event and holds no slot of its queue.

        @param announce: called with a handle for whoever is to send events; if it raises, the step fails.
        """
        phase = self._running()
        if announce is not None:
            announce(phase.handle())
        raise Suspend

    def plan_event(
        self,
        event: Any,
        delay: float = 0.0,
        *,
        at: float | None = None,
        plan_id: str | None = None,
        step_id: int | None = None,
        optional: bool = False,
    ) -> None:
        """Have an event delivered when this call's outcome is durable, or later; a restart does not lose it.

        @param event: a JSON value, or an object of a class in C{events}.
        @param delay: seconds from now.
        @param at: a time instead, seconds since the epoch.
        @param plan_id: of the plan it is for, this one by default.
        @param step_id: the step it is for, this one by default.
        @param optional: nobody minds when that step does not wait for events any more.
        """
        phase = self._running()
        due_at = at if at is not None else phase.now + delay
        phase.events.append(EventPlan(plan_id or phase.plan_id, step_id or phase.run_step_id, event, due_at, optional))

    def start_plan(self, action: type[Action], *args: Any, plan_id: str | None = None) -> None:
        """Plan another action as a plan of its own, whose caller this action is, and execute it.

        It comes to be in the same transaction as this call's outcome: both or none.
        """
        self._running().sub_plans.append(SubPlanRequest(action, args, plan_id))

    def error(self, message: str) -> NoReturn:
        """Leave C{run} or C{finalize} with the step in error.

        @raise ActionFailed: always.
        """
        raise ActionFailed(message)

    def write(self, *writes: Write) -> None:
        """Commit C{writes} in the same transaction as the outcome of this call."""
        self._acting().write(*writes)

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Call C{effect} when the outcome of this call is durable, never when it is not."""
        self._acting().after_commit(effect)

    def resource(self, kind: type[T]) -> T:
        """A collaborator that the service provides to actions, such as the runner dispatcher."""
        return self._acting().resource(kind)

    @property
    def run_step_id(self) -> int:
        """The step that events for this action go to."""
        return self._running().run_step_id

    @property
    def step_started_at(self) -> float:
        """When this step was first run, seconds since the epoch: in an earlier life of the service, maybe."""
        return self._running().step_started_at

    @property
    def now(self) -> float:
        """The time, seconds since the epoch."""
        return self._acting().now

    @property
    def cancel_requested(self) -> bool:
        """Somebody asked for this plan to be cancelled."""
        return self._running().cancel_requested

    @classmethod
    def present_counts(cls, output: dict[str, Any], counts: SubPlanCounts) -> dict[str, Any]:
        """The output as it is shown when C{counts_sub_plans} is set, with the counts of this moment."""
        return {
            **output,
            "total_count": counts.total,
            "failed_count": counts.failed + counts.cancelled,
            "pending_count": counts.pending,
            "success_count": counts.success,
        }

    def run_progress(self) -> float:
        """How much of C{run} is done while it is suspended, between 0 and 1."""
        return 0.5

    def run_progress_weight(self) -> float:
        """How much C{run} counts in the progress of the plan."""
        return 1.0

    def finalize_progress_weight(self) -> float:
        """How much C{finalize} counts in the progress of the plan."""
        return 1.0

    def humanized_state(self, state: str) -> str:
        """What the console says of a step in C{state}."""
        return state

    def humanized_output(self) -> str | None:
        """What the action has to say to people, None when its output speaks for itself."""
        return None

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """What becomes of the plan when this action fails; by default it is paused for a human."""
        return RescueStrategy.PAUSE

    def rescue_strategy(self, computed: RescueStrategy | None) -> RescueStrategy | None:
        """The strategy of this action and all it planned.

        @param computed: what follows from this action's own and its children's strategies.
        """
        return computed

    def _planning(self) -> PlanPhase:
        if not isinstance(self._phase, PlanPhase):
            raise WrongPhase(self._phase, "Plan")
        return self._phase

    def _running(self) -> RunPhase:
        if not isinstance(self._phase, RunPhase):
            raise WrongPhase(self._phase, "Run")
        return self._phase

    def _acting(self) -> RunPhase | FinalizePhase:
        if not isinstance(self._phase, (RunPhase, FinalizePhase)):
            raise WrongPhase(self._phase, "Run or Finalize")
        return self._phase
