"""Keeps the runners of all jobs: starts them, stores what they publish, tells their step when they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from smartdyn.actions.events import RunnerExited
from smartdyn.actions.runner import EXCEPTION, Runner
from smartdyn.aio import Spawner, shielded
from smartdyn.engine.world import World
from smartdyn.errors import EventUndeliverable
from smartdyn.model.views import OutputChunk
from smartdyn.store import output, plans
from smartdyn.store.output import AppendOutput, OutputEnd


@dataclass(frozen=True, slots=True)
class Job:
    """Which step a runner works for, and until when.

    @param started_at: when the job was first started, seconds since the epoch.
    @param time_limit: seconds from there after which it is told to stop.
    @param cancelled: somebody wants it cancelled already.
    """

    plan_id: str
    action_id: int
    step_id: int
    started_at: float
    time_limit: float | None = None
    cancelled: bool = False


class RunnerDispatcher:
    """Starts runners and stands between them and the engine."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, world: World) -> None:
        self._clock = clock
        self._world = world
        self._spawner = Spawner()
        self._jobs: dict[str, RunningJob] = {}
        self._stopping = False

    def start(self, runner_id: str, job: Job, make: Callable[[], Runner], *, resumed: bool = False) -> None:
        """Start a job, or go on with one after a restart.

        @param make: makes the runner; if it raises, the job ends with that error.
        """
        running = RunningJob(self._world, job)
        self._jobs[runner_id] = running
        self._spawner.spawn(f"runner of task {job.plan_id}", self._run(runner_id, running, make, resumed))

    def kill(self, runner_id: str) -> None:
        """Ask a runner to stop its job; one that is gone needs no telling."""
        running = self._jobs.get(runner_id)
        if running is not None:
            running.cancelled = True
            self._spawner.spawn(f"stopping the runner of task {running.job.plan_id}", self._kill(running))

    def external_event(self, runner_id: str, data: dict[str, Any]) -> None:
        """Pass on what somebody posted to the job."""
        running = self._jobs.get(runner_id)
        if running is not None and running.runner is not None:
            self._spawner.spawn("an external event", running.runner.external_event(running, data))

    def running(self) -> int:
        """How many jobs are under way."""
        return len(self._jobs)

    def stop(self) -> Deferred[None]:
        """Leave all jobs as they are: on their hosts they go on, and the next life of the service finds them."""
        self._stopping = True
        return self._spawner.stop()

    async def _run(self, runner_id: str, running: RunningJob, make: Callable[[], Runner], resumed: bool) -> None:
        timer: IDelayedCall | None = None
        try:
            await running.open()
            running.runner = runner = make()
            timer = self._start_timer(running)
            if running.cancelled:
                await runner.kill()
            await runner.run(running, resumed=resumed)
            if not running.exited:
                raise RuntimeError("the runner ended without an exit status")
        except CancelledError as error:
            if self._stopping:
                raise
            await self._failed(running, error)
        except Exception as error:
            await self._failed(running, error)
        finally:
            if timer is not None and timer.active():
                timer.cancel()
            self._jobs.pop(runner_id, None)

    async def _failed(self, running: RunningJob, error: Exception) -> None:
        self._log.failure("the runner of task {plan_id} failed", plan_id=running.job.plan_id)
        if running.exited:
            return
        name = type(error).__name__
        await running.publish(f"Error initializing command: {name} - {error}", "debug")
        await running.exit(EXCEPTION)

    async def _kill(self, running: RunningJob) -> None:
        if running.runner is not None:
            await running.runner.kill()

    def _start_timer(self, running: RunningJob) -> IDelayedCall | None:
        if running.job.time_limit is None:
            return None
        left = running.job.started_at + running.job.time_limit - self._world.now()
        return self._clock.callLater(max(left, 0.0), self._time_is_up, running)

    def _time_is_up(self, running: RunningJob) -> None:
        self._spawner.spawn(f"time limit of task {running.job.plan_id}", self._time_out(running))

    async def _time_out(self, running: RunningJob) -> None:
        if running.runner is not None and not running.exited:
            await running.runner.timeout(running)


class RunningJob:
    """What a runner sees of its job: L{smartdyn.actions.runner.RunnerContext}."""

    def __init__(self, world: World, job: Job) -> None:
        self.job = job
        self.runner: Runner | None = None
        self.cancelled = job.cancelled
        self.exited = False
        self.begun = False
        self._world = world
        self._end = OutputEnd(0, 0, 0.0)
        self._committed_offset = 0
        self._committing: list[Deferred[None]] = []

    async def open(self) -> None:
        """Find out what an earlier life of the service did of this job."""
        job = self.job
        self._end, self.begun = await self._world.database.query(
            lambda tx: (output.end(tx, job.plan_id, job.action_id), plans.begun(tx, job.plan_id))
        )
        self._committed_offset = self._end.offset

    @property
    def offset(self) -> int:
        """The largest offset that is committed."""
        return self._committed_offset

    def begin(self) -> Deferred[None]:
        """The work outside has begun."""
        self.begun = True
        write = plans.MarkBegun(self.job.plan_id, self._world.now())
        return Deferred.fromCoroutine(self._world.persistence.persist([write]))

    def publish(
        self,
        text: str,
        type: str = "stdout",
        *,
        timestamp: float | None = None,
        external_id: str | None = None,
        offset: int | None = None,
    ) -> Deferred[None]:
        """Append to the job's output; fires when it is committed."""
        at = max(timestamp if timestamp is not None else self._world.now(), self._end.timestamp)
        chunk = OutputChunk(self._end.position, type, at, text.replace("\0", "\N{REPLACEMENT CHARACTER}"), external_id)
        self._end = OutputEnd(self._end.position + 1, offset or self._end.offset, at)
        write = AppendOutput(self.job.plan_id, self.job.action_id, chunk, offset)
        committed: Deferred[None] = Deferred.fromCoroutine(self._world.persistence.persist([write]))
        self._committing.append(committed)

        def settled(result: Any) -> Any:
            self._committing.remove(committed)
            if offset is not None and not isinstance(result, Failure):
                self._committed_offset = max(self._committed_offset, offset)
            return result

        # A reader that stops waiting for its output to be stored must not keep it from being stored
        return shielded(committed.addBoth(settled))

    def exit(self, status: int | str, *, timestamp: float | None = None) -> Deferred[None]:
        """The job has ended; fires when that is committed."""
        first, self.exited = not self.exited, True
        return Deferred.fromCoroutine(self._exit(status, timestamp) if first else _nothing())

    async def _exit(self, status: int | str, timestamp: float | None) -> None:
        while self._committing:
            waiting: Deferred[None] = Deferred()
            self._committing[-1].addBoth(_relay, waiting)
            await waiting
        ended = RunnerExited(status, timestamp if timestamp is not None else self._world.now())
        try:
            await self._world.event(self.job.plan_id, self.job.step_id, ended)
        except EventUndeliverable:
            if self.job.plan_id in self._world.running():
                raise


def _relay(result: Any, waiting: Deferred[None]) -> Any:
    waiting.callback(None)
    return result


async def _nothing() -> None:
    return None
