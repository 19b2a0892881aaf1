"""The engine as the rest of the service sees it: accept plans, send events, cancel, recover, stop.

The name is Dynflow's: a world is one life of the service, and its id shows in the history of plans.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.actions.action import Action
from smartdyn.actions.registry import Registry
from smartdyn.actions.sub_plans import SubPlanAccess
from smartdyn.aio import Spawner, deadline
from smartdyn.engine import plan_hooks
from smartdyn.engine.delayed import DelayedPlans
from smartdyn.engine.environment import Environment
from smartdyn.engine.intake import Intake
from smartdyn.engine.interventions import Interventions
from smartdyn.engine.plan_hooks import PlanHooks
from smartdyn.engine.plan_locks import PlanLocks
from smartdyn.engine.plan_reader import PlanReader
from smartdyn.engine.plan_run import PlanRun
from smartdyn.engine.planned_events import PlannedEvents
from smartdyn.engine.planning import Planned, PlanRequest, make_plan
from smartdyn.engine.queues import Queues
from smartdyn.engine.refusals import Refusals
from smartdyn.engine.singletons import Singletons
from smartdyn.engine.step_events import PendingEvent
from smartdyn.engine.sub_plans import SubPlans
from smartdyn.engine.unit import Unit
from smartdyn.errors import DeadlineExceeded, Draining, ShuttingDown, StoreError
from smartdyn.metrics.engine import EngineMeters
from smartdyn.model.ids import NewId
from smartdyn.model.records import Delay, Plan, WholePlan
from smartdyn.model.states import PlanState
from smartdyn.store import plans, vault
from smartdyn.store.database import Database, Write
from smartdyn.store.events import DeletePlanEvents, InsertEvent, PlannedEvent
from smartdyn.store.passwords import ForgetPassword
from smartdyn.store.persistence import Persistence
from smartdyn.store.vault import Vault
from smartdyn.store.worlds import StartWorld, StopWorld

T = TypeVar("T")
InThread: TypeAlias = Callable[[Callable[[], Any]], Deferred[Any]]

TERMINATION_TIMEOUT = 60.0
"""Seconds that steps whose code is running get to finish when the service stops (Dynflow C{termination_timeout})."""

LAST_TIMEOUT = 5.0
"""Seconds that they get after they were cancelled."""


class World:
    """Executes plans.

    @ivar registry: the actions, events and middleware it knows.
    @ivar delayed: the plans that are put off.
    @ivar environment: what running plans share.
    @ivar interventions: cancel, resume, skip, halt.
    @ivar intake: whether plans are accepted.
    @ivar locks: for those who change a plan that is not being executed.
    @ivar reader: reads plans as they are stored.
    @ivar meters: where it counts what it does.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        new_id: NewId,
        database: Database,
        vault: Vault,
        registry: Registry,
        *,
        queues: Queues | None = None,
        auto_rescue: bool = True,
        in_thread: InThread = maybeDeferred,
        meters: EngineMeters | None = None,
    ) -> None:
        """
        @param clock: for delays and deadlines.
        @param now: the time of day, seconds since the epoch.
        @param auto_rescue: apply the rescue strategies of actions; otherwise each failed plan is paused.
        @param in_thread: calls what blocks, in a thread.
        """
        self.id = new_id()
        self.new_id = new_id
        self.now = now
        self.database = database
        self.registry = registry
        self.vault = vault
        self._clock = clock
        self.spawner = Spawner(clock)
        self.reader = PlanReader(database, vault)
        self._runs: dict[str, PlanRun] = {}
        self._ended: dict[str, list[Deferred[PlanState]]] = {}
        self._refusals = Refusals(self.spawner, self.reader.load, self._add_run)
        self._stopping = False
        self.meters = meters or EngineMeters()
        self.persistence = Persistence(clock, database)
        self.delayed = DelayedPlans(clock, self, self.spawner)
        self.locks = PlanLocks()
        self.interventions = Interventions(self, self._runs)
        self.intake = Intake()
        self._sub_plans = SubPlans(self, self.spawner, self._runs.get)
        self._singletons = Singletons()
        self._planned_events = PlannedEvents(clock, now, registry.events, self.persistence, self.spawner, self._deliver)
        self.environment = self._share(queues or Queues(), auto_rescue, in_thread)

    def _share(self, queues: Queues, auto_rescue: bool, in_thread: InThread) -> Environment:
        """What running plans are given of this world."""
        return Environment(
            world_id=self.id,
            clock=self._clock,
            now=self.now,
            new_id=self.new_id,
            registry=self.registry,
            persistence=self.persistence,
            spawner=self.spawner,
            queues=queues,
            auto_rescue=auto_rescue,
            meters=self.meters,
            singletons=self._singletons,
            planned_events=self._planned_events,
            resources={SubPlanAccess: self._sub_plans.access()},
            sink=self,
            in_thread=in_thread,
            plan=self.plan,
            new_plan_writes=self._new_plan_writes,
            execute=self._accepted,
            abandon=self._abandon,
            closing_writes=self.closing_writes,
            ended=self._plan_ended,
            rejected=self._plan_refused,
        )

    def provide(self, kind: type[T], resource: T) -> None:
        """Let actions use C{resource}."""
        self.environment.resources[kind] = resource

    async def start(self, hostname: str, pid: int) -> None:
        """Record this life of the service."""
        await self.database.commit(StartWorld(self.id, hostname, pid, self.now()))

    def plan(self, request: PlanRequest) -> Planned:
        """Make a plan, in memory."""
        planned = make_plan(
            request, now=self.now(), world_id=self.id, registry=self.registry, singletons=self._singletons
        )
        if planned.error is not None:
            self._singletons.release(request.plan_id)
        return planned

    async def accept(self, planned: Sequence[Planned], *writes: Write) -> None:
        """Commit new plans as one unit and begin to execute them.

        @raise smartdyn.errors.PlanConflict: one of them exists; none is stored.
        @raise Draining: no new ones are wanted.
        @raise ShuttingDown: the service takes no more.
        """
        try:
            self.intake.require_open()
        except Draining:
            for one in planned:
                self._abandon(one)
            raise
        await self.store(planned, *(plans.InsertPlan(one.whole) for one in planned), *writes)

    async def store(self, planned: Sequence[Planned], *writes: Write) -> None:
        """Commit what C{writes} do to store plans, with the secrets of these, and begin to execute them.

        @raise ShuttingDown: the service takes no more.
        """
        if self._stopping:
            raise ShuttingDown
        sealed = [write for one in planned for write in self.vault.seal_plan(one.whole)]
        try:
            await self.database.commit(*writes, *sealed)
        except Exception:
            for one in planned:
                self._abandon(one)
            raise
        for one in planned:
            self._accepted(one)

    async def delay(
        self, action: type[Action], args: Sequence[Any], delay: Delay, *, plan_id: str | None = None
    ) -> str:
        """Plan and execute an action later.

        @return: the id of the plan, which exists from now on.
        """
        request = PlanRequest(action, tuple(args), plan_id or self.new_id())
        return await self.delayed.delay(request, delay)

    async def chain(self, after: Sequence[str], action: type[Action], *args: Any) -> str:
        """Plan and execute an action when other plans have stopped, unless one of them fails."""
        return await self.delay(action, args, Delay(after=tuple(after)))

    def execute(self, whole: WholePlan) -> None:
        """Begin to execute a planned or paused plan."""
        run = self._add_run(whole)
        if run is not None:
            run.start(Unit())

    async def resume(self, whole: WholePlan) -> None:
        """Likewise, for somebody who wants to know that it is durable.

        @raise ShuttingDown: the service takes no more.
        """
        run = self._add_run(whole)
        if run is None:
            raise ShuttingDown
        unit = Unit()
        durable = unit.durable()
        run.start(unit)
        await durable

    def recover(self, whole: WholePlan) -> None:
        """Go on with a plan that an earlier world was executing."""
        run = self._add_run(whole)
        if run is not None:
            run.recover()

    def claim_singletons(self, whole: WholePlan) -> None:
        """A plan from an earlier life holds the rights that it had there."""
        for action in whole.actions.values():
            if self.registry.find_or_missing(action.class_name).singleton:
                self._singletons.claim(action.class_name, whole.plan.id)

    def arm(self, planned: PlannedEvent) -> None:
        """Deliver a stored event when it is due."""
        self._planned_events.arm(planned)

    def event(self, plan_id: str, step_id: int, event: Any, *, optional: bool = False) -> Deferred[bool]:
        """Send an event to a step; fires when C{run} has dealt with it and that is durable.

        @raise EventUndeliverable: as a failure, when no such step could take it.
        """
        return self._deliver(plan_id, PendingEvent(step_id, event, optional))

    async def plan_event(
        self, plan_id: str, step_id: int, event: Any, at: float | None = None, *, optional: bool = False
    ) -> None:
        """Store an event that a step is to get later, also if the service is restarted meanwhile.

        @param at: seconds since the epoch, now by default.
        @raise TypeError: the event is of a class that cannot be stored.
        """
        due_at = self.now() if at is None else at
        planned = PlannedEvent(self.new_id(), plan_id, step_id, self.registry.events.dump(event), due_at, optional)
        await self.database.commit(InsertEvent(planned))
        self.arm(planned)

    def when_ended(self, plan_id: str) -> Deferred[PlanState]:
        """Fires with the state when a plan that is being executed is stopped or paused."""
        ended: Deferred[PlanState] = Deferred()
        self._ended.setdefault(plan_id, []).append(ended)
        return ended

    def running(self) -> list[str]:
        """The plans that are being executed."""
        return list(self._runs)

    def runs(self) -> Collection[PlanRun]:
        """Likewise, as they are in memory: see L{run_of}."""
        return self._runs.values()

    def run_of(self, plan_id: str) -> PlanRun | None:
        """A plan that is being executed, as it is in memory: for those who look, not for those who change."""
        return self._runs.get(plan_id)

    @property
    def is_stopping(self) -> bool:
        """Is it time to begin nothing more?"""
        return self._stopping

    async def stop(self) -> None:
        """Let running code finish, commit everything, and end.

        Suspended steps stay as they are: the next life of the service goes on with them.
        """
        self._stopping = True
        self.delayed.stop()
        self._planned_events.stop()
        for run in self._runs.values():
            run.shut_down()
        try:
            await deadline(self._clock, TERMINATION_TIMEOUT, "running steps", self.spawner.stop(cancel=False))
        except DeadlineExceeded:
            self._log.warn("steps are still running at the end: {names}", names=self.spawner.names())
            await self._give_up()
        try:
            await self.database.commit(StopWorld(self.id, self.now()))
        except StoreError as error:
            self._log.error("the end of the service could not be noted: {error}", error=error)

    async def _give_up(self) -> None:
        """Cancel what is running, and leave what takes no notice of it."""
        try:
            await deadline(self._clock, LAST_TIMEOUT, "cancelled steps", self.spawner.stop())
        except DeadlineExceeded:
            self._log.error("steps do not let themselves be cancelled: {names}", names=self.spawner.names())

    def _deliver(self, plan_id: str, pending: PendingEvent) -> Deferred[bool]:
        run = self._runs.get(plan_id)
        if run is not None:
            processed = run.deliver(pending)
        else:
            pending.undone(plan_id, "the task is not being executed")
            processed = pending.processed
        return processed.addBoth(self._count_event)

    def _count_event(self, result: bool | Failure) -> bool | Failure:
        self.meters.events.labels("undeliverable" if isinstance(result, Failure) else "delivered").inc()
        return result

    def _add_run(self, whole: WholePlan) -> PlanRun | None:
        if self._stopping or whole.plan.id in self._runs:
            return None
        run = PlanRun(self.environment, whole)
        self._runs[whole.plan.id] = run
        return run

    def _abandon(self, planned: Planned) -> None:
        """A plan that was made is not stored, so it has no rights; one that is there under its id keeps its own."""
        if planned.whole.plan.id not in self._runs:
            self._singletons.release(planned.whole.plan.id)

    def _accepted(self, planned: Planned) -> None:
        """A plan has been stored: execute it, or tell whoever waits for it that it came to nothing."""
        whole = planned.whole
        self.meters.plan_accepted(whole.plan.label or "none")
        before = (PlanState.PENDING.value, PlanState.PLANNING.value)
        if whole.plan.state is PlanState.PLANNED:
            self.call_hooks(whole, *before, whole.plan.state.value)
            self.execute(whole)
        else:
            self.call_hooks(whole, *before, *plan_hooks.kinds(whole.plan, halted=False))
            self._tell_others(whole.plan)

    def call_hooks(self, whole: WholePlan, *kinds: str) -> None:
        """Call the hooks of a plan that is not being executed, one after another; no other plan's wait for them."""
        hooks = PlanHooks(self._clock, self.registry, self.spawner)
        hooks.call([wanted for kind in kinds for wanted in hooks.wanted(whole, kind)])

    def plan_is_over(self, whole: WholePlan, *, halted: bool = False) -> None:
        """A plan that was not being executed is stopped, and that is durable."""
        self.call_hooks(whole, *plan_hooks.kinds(whole.plan, halted=halted))
        self._tell_others(whole.plan)

    def _plan_ended(self, run: PlanRun) -> None:
        self._runs.pop(run.plan.id, None)
        self._refusals.ended(run.plan.id)
        self._tell_others(run.plan)

    def _tell_others(self, plan: Plan) -> None:
        began, ended = plan.started_at, plan.ended_at
        took = ended - began if began is not None and ended is not None else None
        self.meters.plan_ended(plan.label or "none", plan.state.value, plan.result.value, took)
        self._singletons.release(plan.id)
        for waiting in self._ended.pop(plan.id, ()):
            waiting.callback(plan.state)
        if plan.state is PlanState.STOPPED:
            self.delayed.plan_stopped()
        self._sub_plans.ended(plan)

    def _plan_refused(self, run: PlanRun, steps: Collection[int], error: Exception) -> None:
        self._runs.pop(run.plan.id, None)
        self._refusals.refused(run.plan.id, steps, error)

    def _new_plan_writes(self, planned: Planned) -> list[Write]:
        return [plans.InsertPlan(planned.whole), *self.vault.seal_plan(planned.whole)]

    def closing_writes(self, plan_id: str) -> list[Write]:
        """What else is written when a plan stops."""
        return [vault.WipeSecrets(plan_id), ForgetPassword(plan_id), DeletePlanEvents(plan_id)]
