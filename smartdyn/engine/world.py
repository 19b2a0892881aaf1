"""The engine as the rest of the service sees it: accept plans, send events, cancel, recover, stop.

The name is Dynflow's: a world is one life of the service, and its id shows in the history of plans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.actions.events import Abort, Cancel
from smartdyn.actions.registry import Registry
from smartdyn.aio import Spawner, deadline
from smartdyn.engine.environment import Environment
from smartdyn.engine.plan_run import HALTED, PlanRun
from smartdyn.engine.planning import Planned, PlanRequest, make_plan
from smartdyn.engine.queues import Queues
from smartdyn.engine.step_events import PendingEvent
from smartdyn.errors import DeadlineExceeded, EventUndeliverable, NotPossibleNow, ShuttingDown
from smartdyn.model import changes, rules
from smartdyn.model.ids import NewId
from smartdyn.model.records import WholePlan
from smartdyn.model.skip import skip_step
from smartdyn.model.states import PlanState
from smartdyn.store import plans, vault
from smartdyn.store.database import Database, Write
from smartdyn.store.passwords import ForgetPassword
from smartdyn.store.persistence import Persistence
from smartdyn.store.steps import SaveStep
from smartdyn.store.vault import Vault
from smartdyn.store.worlds import StartWorld, StopWorld

T = TypeVar("T")

TERMINATION_TIMEOUT = 60.0
"""Seconds that steps whose code is running get to finish when the service stops (Dynflow C{termination_timeout})."""


class World:
    """Executes plans."""

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
    ) -> None:
        """
        @param clock: for delays and deadlines.
        @param now: the time of day, seconds since the epoch.
        """
        self.id = new_id()
        self.new_id = new_id
        self.now = now
        self.database = database
        self.registry = registry
        self._clock = clock
        self._vault = vault
        self._spawner = Spawner()
        self._runs: dict[str, PlanRun] = {}
        self._ended: dict[str, list[Deferred[PlanState]]] = {}
        self._stopping = False
        self.persistence = Persistence(clock, database)
        self._environment = Environment(
            world_id=self.id,
            now=now,
            registry=registry,
            persistence=self.persistence,
            spawner=self._spawner,
            queues=queues or Queues(),
            resources={},
            closing_writes=self._closing_writes,
            ended=self._plan_ended,
        )

    def provide(self, kind: type[T], resource: T) -> None:
        """Let actions use C{resource}."""
        self._environment.resources[kind] = resource

    async def start(self, hostname: str, pid: int) -> None:
        """Record this life of the service."""
        await self.database.commit(StartWorld(self.id, hostname, pid, self.now()))

    def plan(self, request: PlanRequest) -> Planned:
        """Make a plan, in memory."""
        return make_plan(request, now=self.now(), world_id=self.id)

    async def accept(self, planned: Sequence[Planned], *writes: Write) -> None:
        """Commit new plans as one unit and begin to execute them.

        @raise smartdyn.errors.PlanConflict: one of them exists; none is stored.
        @raise ShuttingDown: the service takes no more.
        """
        if self._stopping:
            raise ShuttingDown
        stored: list[Write] = []
        for one in planned:
            stored.append(plans.InsertPlan(one.whole))
            stored.extend(self._sealing_writes(one.whole))
        await self.database.commit(*stored, *writes)
        for one in planned:
            if one.whole.plan.state is PlanState.PLANNED:
                self.execute(one.whole)

    def execute(self, whole: WholePlan) -> None:
        """Begin to execute a planned or paused plan."""
        run = self._add_run(whole)
        if run is not None:
            run.start()

    def recover(self, whole: WholePlan) -> None:
        """Go on with a plan that an earlier world was executing."""
        run = self._add_run(whole)
        if run is not None:
            run.recover()

    async def load(self, plan_id: str) -> WholePlan:
        """A plan from the database, with its secrets.

        @raise smartdyn.errors.PlanNotFound: there is none.
        """

        def read(tx: Any) -> tuple[WholePlan, dict[int, bytes]]:
            return plans.load_whole(tx, plan_id), vault.sealed(tx, plan_id)

        whole, sealed = await self.database.query(read)
        return self._vault.restore(whole, sealed) if sealed else whole

    def event(self, plan_id: str, step_id: int, event: Any, *, optional: bool = False) -> Deferred[bool]:
        """Send an event to a step; fires when C{run} has dealt with it and that is durable.

        @raise EventUndeliverable: as a failure, when no such step could take it.
        """
        run = self._runs.get(plan_id)
        if run is None:
            error = EventUndeliverable(plan_id, step_id, "the task is not being executed", optional=optional)
            return fail(error)
        return run.deliver(step_id, PendingEvent(event, optional))

    async def cancel(self, plan_id: str, *, force: bool = False) -> int:
        """Ask a plan, and the plans it started, to end.

        The wish is durable before the steps hear of it, so that a restart does not forget it.

        @return: how many steps were told.
        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        """
        children = await self.database.query(lambda tx: _family(tx, plan_id))
        told = 0
        for each in (plan_id, *children):
            run = self._runs.get(each)
            if run is None or not run.cancellable_steps():
                continue
            await self.database.commit(plans.RequestCancel(each, self.now()))
            for processed in run.cancel(Abort() if force else Cancel()):
                processed.addErrback(self._quiet)
                told += 1
        return told

    async def resume(self, plan_id: str) -> None:
        """Go on with a paused plan: its failed steps are tried again.

        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        @raise NotPossibleNow: it is not paused.
        """
        self.execute(await self._load_paused(plan_id, "resumed"))

    async def skip(self, plan_id: str, step_id: int) -> list[int]:
        """Mark a failed step of a paused plan, and what depends on it, to be left out when it is resumed.

        @return: the steps that were marked; none when they were already.
        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        @raise NotPossibleNow: it is not paused, or has no such step.
        """
        whole = await self._load_paused(plan_id, "changed")
        if step_id not in whole.steps:
            raise NotPossibleNow(plan_id, f"skipped at step {step_id}, which it does not have,", whole.plan.state)
        marked = skip_step(whole, step_id)
        result = rules.result({**whole.steps, **marked}.values())
        writes: list[Write] = [SaveStep(step) for step in marked.values()]
        await self.database.commit(*writes, plans.SavePlan(replace(whole.plan, result=result)))
        return list(marked)

    async def halt(self, plan_id: str) -> None:
        """Stop a plan in whatever state it is; doing it again is harmless.

        @raise smartdyn.errors.PlanNotFound: there is no such plan.
        """
        run = self._runs.get(plan_id)
        if run is not None:
            run.halt()
            return
        whole = await self.load(plan_id)
        if whole.plan.state is PlanState.STOPPED:
            return
        stopped = changes.move_plan(
            whole.plan, PlanState.STOPPED, whole.steps.values(), now=self.now(), world_id=self.id, notice=HALTED
        )
        await self.database.commit(plans.SavePlan(stopped), *self._closing_writes(plan_id))

    def when_ended(self, plan_id: str) -> Deferred[PlanState]:
        """Fires with the state when a plan that is being executed is stopped or paused."""
        ended: Deferred[PlanState] = Deferred()
        self._ended.setdefault(plan_id, []).append(ended)
        return ended

    def running(self) -> list[str]:
        """The plans that are being executed."""
        return list(self._runs)

    async def stop(self) -> None:
        """Let running code finish, commit everything, and end.

        Suspended steps stay as they are: the next life of the service goes on with them.
        """
        self._stopping = True
        for run in self._runs.values():
            run.shut_down()
        try:
            await deadline(self._clock, TERMINATION_TIMEOUT, "running steps", self._spawner.stop(cancel=False))
        except DeadlineExceeded:
            self._log.warn("steps are still running at the end: {names}", names=self._spawner.names())
            await self._spawner.stop()
        await self.database.commit(StopWorld(self.id, self.now()))

    async def _load_paused(self, plan_id: str, wish: str) -> WholePlan:
        whole = await self.load(plan_id)
        if whole.plan.state is not PlanState.PAUSED or plan_id in self._runs:
            raise NotPossibleNow(plan_id, wish, whole.plan.state)
        return whole

    def _add_run(self, whole: WholePlan) -> PlanRun | None:
        if self._stopping or whole.plan.id in self._runs:
            return None
        run = PlanRun(self._environment, whole)
        self._runs[whole.plan.id] = run
        return run

    def _plan_ended(self, run: PlanRun) -> None:
        self._runs.pop(run.plan.id, None)
        for waiting in self._ended.pop(run.plan.id, ()):
            waiting.callback(run.plan.state)

    def _sealing_writes(self, whole: WholePlan) -> list[Write]:
        return list(self._vault.seal_plan(whole))

    def _closing_writes(self, plan_id: str) -> list[Write]:
        return [vault.WipeSecrets(plan_id), ForgetPassword(plan_id)]

    def _quiet(self, failure: Failure) -> None:
        failure.trap(EventUndeliverable)


def _family(tx: Any, plan_id: str) -> list[str]:
    """The unfinished plans started by C{plan_id}, which must exist."""
    plans.load(tx, plan_id)
    return plans.unfinished_children(tx, plan_id)
