"""A whole engine in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from typing import Any, Self, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from smartdyn.actions.action import Action
from smartdyn.actions.dispatcher import RunnerDispatcher
from smartdyn.actions.registry import Registry
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.queues import Queues
from smartdyn.engine.recovery import recover
from smartdyn.engine.world import World
from smartdyn.metrics.engine import EngineMeters
from smartdyn.model.ids import NewId, random_id
from smartdyn.model.records import ActionRecord, Delay, WholePlan
from smartdyn.model.states import PlanResult, PlanState, StepState
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.vault import Vault

T = TypeVar("T")

START = 1_795_451_540.1006
"""The time at which an engine's clock stands at first: an afternoon in November 2026."""

_KEY = bytes(range(32))


class NotDone(AssertionError):
    """Something was expected to be done at once and is waiting."""


def done(work: Awaitable[T]) -> T:
    """The result of a Deferred or a coroutine that does not have to wait for anything.

    @raise NotDone: it is waiting. What it fails with is raised as it is.
    """
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(_coroutine(work))
    found: list[Any] = []
    deferred.addBoth(found.append)
    if not found:
        raise NotDone("this is still waiting; advance the clock, or send the event that it waits for")
    if isinstance(found[0], Failure):
        found[0].raiseException()
    result: T = found[0]
    return result


def _coroutine(work: Awaitable[T]) -> Coroutine[Any, Any, T]:
    assert isinstance(work, Coroutine)
    return work


class Engine:
    """An engine with some actions.

    @ivar clock: stands still until L{advance}.
    @ivar world: the engine itself, for whatever is not offered here.
    @ivar dispatcher: starts the runners of jobs.
    @ivar database: where everything is kept, also across L{crash}.
    """

    def __init__(
        self,
        actions: Iterable[type[Action]] = (),
        *,
        resources: Mapping[type[Any], Any] | None = None,
        queues: Mapping[str, int] | None = None,
        database: MemoryDatabase | None = None,
        clock: Clock | None = None,
        new_id: NewId = random_id,
        meters: EngineMeters | None = None,
    ) -> None:
        """
        @param new_id: makes ids of plans and events; give one that counts for tests that must repeat exactly.
        @param resources: what actions get when they ask for C{resource}, by type.
        @param queues: sizes of queues.
        @param meters: where it counts what it does; not taken over by the next engine.
        """
        if clock is None:
            clock = Clock()
            clock.advance(START)
        self.actions = tuple(actions)
        self.resources = dict(resources or {})
        self.queues = dict(queues or {})
        self.clock = clock
        self.new_id = new_id
        self.database = database or MemoryDatabase()
        self.vault = Vault(_KEY)
        self.registry = Registry(self.actions)
        self.world = World(
            clock,
            clock.seconds,
            new_id,
            self.database,
            self.vault,
            self.registry,
            queues=Queues(self.queues),
            meters=meters,
        )
        self.dispatcher = RunnerDispatcher(clock, self.world)
        self.world.provide(RunnerDispatcher, self.dispatcher)
        for kind, resource in self.resources.items():
            self.world.provide(kind, resource)

    def trigger(self, action: type[Action], *args: Any, plan_id: str | None = None) -> str:
        """Plan an action and execute it.

        @return: the plan's id, also when planning failed: the plan then says why.
        """
        planned = self.world.plan(PlanRequest(action, args, plan_id or self.new_id()))
        done(self.world.accept([planned]))
        return planned.whole.plan.id

    def delay(self, action: type[Action], *args: Any, delay: Delay) -> str:
        """Plan an action later."""
        return done(self.world.delay(action, args, delay))

    def chain(self, after: Iterable[str], action: type[Action], *args: Any) -> str:
        """Plan an action when other plans have stopped."""
        return done(self.world.chain(tuple(after), action, *args))

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping wherever something is to happen."""
        end = self.clock.seconds() + seconds
        while True:
            calls = [call.getTime() for call in self.clock.getDelayedCalls()]
            following = min((at for at in calls if at <= end), default=None)
            if following is None:
                break
            self.clock.advance(max(following - self.clock.seconds(), 0.0))
        self.clock.advance(max(end - self.clock.seconds(), 0.0))

    def plan(self, plan_id: str) -> WholePlan:
        """A plan as it is in the database, with its secrets."""
        return done(self.world.reader.load(plan_id))

    def state(self, plan_id: str) -> PlanState:
        """The state of a plan."""
        return self.plan(plan_id).plan.state

    def result(self, plan_id: str) -> PlanResult:
        """The result of a plan."""
        return self.plan(plan_id).plan.result

    def step_states(self, plan_id: str) -> dict[int, StepState]:
        """The states of all steps of a plan, by id."""
        return {step.id: step.state for step in self.plan(plan_id).steps.values()}

    def action(self, plan_id: str, which: int | type[Action] = 1) -> ActionRecord:
        """An action of a plan, by its number or its class.

        @raise LookupError: the plan has none of this class, or more than one.
        """
        actions = self.plan(plan_id).actions
        if isinstance(which, int):
            return actions[which]
        found = [action for action in actions.values() if action.class_name == which.name()]
        if len(found) != 1:
            raise LookupError(f"the plan has {len(found)} actions of the class {which.name()}")
        return found[0]

    def output(self, plan_id: str, which: int | type[Action] = 1) -> dict[str, Any]:
        """The output of an action."""
        return self.action(plan_id, which).output

    def errors(self, plan_id: str) -> list[str]:
        """What went wrong in the steps of a plan."""
        return [step.error.message for step in self.plan(plan_id).steps.values() if step.error is not None]

    def send(self, plan_id: str, event: Any, *, step_id: int | None = None) -> Deferred[bool]:
        """Send an event.

        @param step_id: the step, by default the only one that is suspended.
        @return: fires when it was dealt with; see L{done}.
        @raise LookupError: it is not clear which step is meant.
        """
        if step_id is None:
            waiting = [id for id, state in self.step_states(plan_id).items() if state is StepState.SUSPENDED]
            if len(waiting) != 1:
                raise LookupError(f"{len(waiting)} steps are suspended; say which one is meant")
            step_id = waiting[0]
        return self.world.event(plan_id, step_id, event)

    def cancel(self, plan_id: str, *, force: bool = False) -> int:
        """Ask a plan to end; how many steps were told."""
        return done(self.world.interventions.cancel(plan_id, force=force))

    def cancel_step(self, plan_id: str, step_id: int) -> None:
        """Ask one step of a plan to end."""
        done(self.world.interventions.cancel_step(plan_id, step_id))

    def resume(self, plan_id: str) -> None:
        """Go on with a paused plan."""
        done(self.world.interventions.resume(plan_id))

    def skip(self, plan_id: str, step_id: int) -> list[int]:
        """Leave out a failed step when the plan is resumed; which steps are marked."""
        return done(self.world.interventions.skip(plan_id, step_id))

    def halt(self, plan_id: str) -> None:
        """Stop a plan by force."""
        done(self.world.interventions.halt(plan_id))

    def crash(self) -> Self:
        """Kill this engine where it stands, and start the next one on what it had committed."""
        return self.killed()._recovered()

    def restart(self) -> Self:
        """Stop this engine in good order and start the next one."""
        done(self.world.stop())
        return self.killed()._recovered()

    def killed(self) -> Self:
        """The next engine before it has taken up anything; this one does nothing any more."""
        following = self.database.take_over()
        for call in self.clock.getDelayedCalls():
            call.cancel()
        return type(self)(
            self.actions,
            resources=self.resources,
            queues=self.queues,
            database=following,
            clock=self.clock,
            new_id=self.new_id,
        )

    def _recovered(self) -> Self:
        done(recover(self.world))
        return self
