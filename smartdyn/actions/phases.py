"""What stands behind an action instance in each phase; the engine provides these."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from twisted.internet.defer import Deferred

from smartdyn.model.references import OutputReference
from smartdyn.store.database import Write

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EventPlan:
    """An event that an action wants delivered.

    @param due_at: seconds since the epoch.
    @param optional: nobody minds when the step does not wait for events any more.
    """

    plan_id: str
    step_id: int
    event: Any
    due_at: float
    optional: bool


@dataclass(frozen=True, slots=True)
class SubPlanRequest:
    """A plan that an action wants started."""

    action: type[Any]
    args: tuple[Any, ...]
    plan_id: str | None = None


class EventSink(Protocol):
    """Where events for steps are sent to."""

    def event(self, plan_id: str, step_id: int, event: Any, *, optional: bool = False) -> Deferred[bool]:
        """Send an event now; see L{smartdyn.engine.world.World.event}."""

    async def plan_event(
        self, plan_id: str, step_id: int, event: Any, at: float | None = None, *, optional: bool = False
    ) -> None:
        """Have an event delivered later; see L{smartdyn.engine.world.World.plan_event}."""


@dataclass(frozen=True, slots=True)
class StepHandle:
    """Names a step that waits, for whoever will have something to tell it (action/suspended.rb).

    It may be kept, and made anew from its two ids.
    """

    plan_id: str
    step_id: int
    sink: EventSink

    def event(self, event: Any, *, optional: bool = False) -> Deferred[bool]:
        """Send C{event}."""
        return self.sink.event(self.plan_id, self.step_id, event, optional=optional)

    async def plan_event(self, event: Any, at: float, *, optional: bool = False) -> None:
        """Have C{event} delivered at a time, seconds since the epoch."""
        await self.sink.plan_event(self.plan_id, self.step_id, event, at, optional=optional)


class Phase:
    """The part that all phases have: whose call it is, and with what."""

    name: ClassVar[str] = "Present"

    def __init__(self, plan_id: str, action_id: int, input: dict[str, Any], output: dict[str, Any]) -> None:
        self.plan_id = plan_id
        self.action_id = action_id
        self.input = input
        self.output = output


class PlanPhase(Phase, abc.ABC):
    """An action is being planned."""

    name: ClassVar[str] = "Plan"

    @abc.abstractmethod
    def output_reference(self) -> OutputReference:
        """What stands for the output until there is one."""

    @abc.abstractmethod
    def plan_self(self, action: Any, input: dict[str, Any]) -> None:
        """Add the run and finalize steps of an action, whose phase this is."""

    @abc.abstractmethod
    def plan_action(self, action: type[Any], args: tuple[Any, ...]) -> Any:
        """Plan another action below this one and return it."""

    @property
    @abc.abstractmethod
    def trigger(self) -> Any:
        """The action whose planning had this one planned by subscription, if so."""

    @abc.abstractmethod
    def block(self, kind: str) -> AbstractContextManager[None]:
        """Collect what is planned meanwhile in a flow of its own."""

    @abc.abstractmethod
    def works_on(self, host: str) -> None:
        """Set the plan's host."""


class ActingPhase(Phase):
    """An action's own code runs and may have effects, which happen when its outcome is committed."""

    def __init__(
        self,
        plan_id: str,
        action_id: int,
        input: dict[str, Any],
        output: dict[str, Any],
        *,
        now: float,
        resources: Mapping[type[Any], Any],
    ) -> None:
        super().__init__(plan_id, action_id, input, output)
        self.now = now
        self.writes: list[Write] = []
        self.effects: list[Callable[[], None]] = []
        self._resources = resources

    def write(self, *writes: Write) -> None:
        """Commit C{writes} with the outcome."""
        self.writes.extend(writes)

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Call C{effect} after the commit."""
        self.effects.append(effect)

    def resource(self, kind: type[T]) -> T:
        """The collaborator of this type.

        @raise LookupError: the service has none.
        """
        try:
            found: T = self._resources[kind]
        except KeyError:
            raise LookupError(f"no {kind.__qualname__} is available to actions of this service") from None
        return found


class RunPhase(ActingPhase):
    """C{run} is being called."""

    name: ClassVar[str] = "Run"

    def __init__(
        self,
        *args: Any,
        run_step_id: int,
        step_started_at: float,
        cancel_requested: bool,
        sink: EventSink,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.run_step_id = run_step_id
        self.step_started_at = step_started_at
        self.cancel_requested = cancel_requested
        self.events: list[EventPlan] = []
        self.sub_plans: list[SubPlanRequest] = []
        self._sink = sink

    def handle(self) -> StepHandle:
        """What others may send events to."""
        return StepHandle(self.plan_id, self.run_step_id, self._sink)


class FinalizePhase(ActingPhase):
    """C{finalize} is being called."""

    name: ClassVar[str] = "Finalize"
