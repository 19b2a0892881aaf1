"""The base class of all actions: what authors of workflows write against.

An action has up to three methods of its own. C{plan(*args)} decides, when the work is accepted, what will be done: it
plans the action itself (C{plan_self}) and others (C{plan_action}). C{run(event)} does it, C{finalize()} concludes it
when everything in the plan has run. An instance lives for one such call; what must last goes into C{output}.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn, TypeVar

from smartdyn.actions.phases import FinalizePhase, Phase, PlanPhase, RunPhase
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

    def plan(self, *args: Any) -> None:
        """Decide what will be done. By default: run this action with the given input."""
        self.plan_self(*args)

    def plan_self(self, input: dict[str, Any] | None = None) -> Action:
        """Have this action's C{run} and C{finalize} called with C{input}, which may hold output references."""
        self._planning().plan_self(dict(input or {}))
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

    def suspend(self) -> NoReturn:
        """Leave C{run}; the step waits for an event and holds no slot of its queue."""
        self._running()
        raise Suspend

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
