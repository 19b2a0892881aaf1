"""Keeps the runners of all jobs: starts them, stores what they publish, tells their step when they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from smartdyn.actions.group_job import make_running
from smartdyn.actions.runner import Runner
from smartdyn.actions.running_job import Job, RunningJob
from smartdyn.aio import Spawner
from smartdyn.engine.world import World
from smartdyn.log.context import Subject, about
from smartdyn.metrics.jobs import JobMeters
from smartdyn.model.views import JobNote


class RunnerDispatcher:
    """Starts runners and stands between them and the engine."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, world: World, meters: JobMeters | None = None) -> None:
        self._clock = clock
        self._meters = meters or JobMeters()
        self._world = world
        self.spawner = Spawner(clock)
        self._jobs: dict[str, RunningJob] = {}
        self._stopping = False

    def start(self, runner_id: str, job: Job, make: Callable[[], Runner], *, resumed: bool = False) -> None:
        """Start a job, or go on with one after a restart. One that is under way is left as it is.

        When the service stops, nothing is started: the next life of the service does it.

        @param make: makes the runner; if it raises, the job ends with that error.
        """
        if runner_id in self._jobs or self._stopping:
            return
        running = make_running(self._world, job, self._meters)
        self._jobs[runner_id] = running
        self._meters.started.labels("resumed" if resumed else "new").inc()
        with about(self._subject(job)):
            self.spawner.spawn(f"runner of task {job.plan_id}", self._run(runner_id, running, make, resumed))

    def _subject(self, job: Job) -> Subject:
        run = self._world.run_of(job.plan_id)
        if run is None:
            return Subject(task_id=job.plan_id, step=job.step_id)
        return Subject(run.plan.request_id, job.plan_id, run.plan.host, job.step_id)

    def kill(self, runner_id: str) -> None:
        """Ask a runner to stop its job; one that is gone needs no telling."""
        running = self._jobs.get(runner_id)
        if running is not None:
            running.cancelled = True
            with about(self._subject(running.job)):
                self.spawner.spawn(f"stopping the runner of task {running.job.plan_id}", self._kill(running))

    def external_event(self, runner_id: str, data: dict[str, Any]) -> None:
        """Pass on what somebody posted to the job."""
        running = self._jobs.get(runner_id)
        if running is not None and running.runner is not None:
            self.spawner.spawn("an external event", running.runner.external_event(running, data))

    def notes(self) -> dict[str, JobNote]:
        """What jobs are waiting for, by task."""
        return {each.job.plan_id: each.noted for each in self._jobs.values() if each.noted is not None}

    def running(self) -> int:
        """How many jobs are under way."""
        return len(self._jobs)

    def stop(self) -> Deferred[None]:
        """Leave all jobs as they are: on their hosts they go on, and the next life of the service finds them."""
        self._stopping = True
        return self.spawner.stop()

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
        await running.fail(f"Error initializing command: {type(error).__name__} - {error}")

    async def _kill(self, running: RunningJob) -> None:
        if running.runner is not None:
            await running.runner.kill()

    def _start_timer(self, running: RunningJob) -> IDelayedCall | None:
        if running.job.time_limit is None:
            return None
        left = running.job.started_at + running.job.time_limit - self._world.now()
        return self._clock.callLater(max(left, 0.0), self._time_is_up, running)

    def _time_is_up(self, running: RunningJob) -> None:
        with about(self._subject(running.job)):
            self.spawner.spawn(f"time limit of task {running.job.plan_id}", self._time_out(running))

    async def _time_out(self, running: RunningJob) -> None:
        if running.runner is not None and not running.exited:
            self._meters.timed_out.inc()
            await running.runner.timeout(running)
