"""A job that a runner works on, and what the runner sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from smartdyn.actions.events import RunnerExited
from smartdyn.actions.runner import EXCEPTION, Runner
from smartdyn.aio import begin, shielded
from smartdyn.engine.world import World
from smartdyn.errors import EventUndeliverable
from smartdyn.metrics.jobs import JobMeters
from smartdyn.model.views import JobNote, OutputChunk
from smartdyn.store import output, plans
from smartdyn.store.output import AppendOutput, OutputEnd


@dataclass(frozen=True, slots=True)
class Job:
    """Which step a runner works for, and until when.

    @param started_at: when the job was first started, seconds since the epoch.
    @param time_limit: seconds from there after which it is told to stop.
    @param cancelled: somebody wants it cancelled already.
    @param targets: the jobs of the hosts, by name, when it is one for many of them.
    """

    plan_id: str
    action_id: int
    step_id: int
    started_at: float
    time_limit: float | None = None
    cancelled: bool = False
    targets: Mapping[str, Job] = field(default_factory=lambda: MappingProxyType({}))


class RunningJob:
    """What a runner sees of its job: L{smartdyn.actions.runner.RunnerContext}."""

    def __init__(self, world: World, job: Job, meters: JobMeters) -> None:
        self.job = job
        self._meters = meters
        self.runner: Runner | None = None
        self.cancelled = job.cancelled
        self.exited = False
        self.begun = False
        self.noted: JobNote | None = None
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

    def note(self, text: str | None, *, retry_in: float | None = None) -> None:
        """Say what the job is waiting for."""
        now = self._world.now()
        self.noted = JobNote(text, now, None if retry_in is None else now + retry_in) if text else None

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
        self._meters.printed(type, chunk.text)
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
        if first:
            self._meters.exited(status)
        return begin(self._exit(status, timestamp) if first else _nothing())

    async def fail(self, text: str) -> None:
        """The job has ended because of a problem on this side."""
        await self.publish(text, "debug")
        await self.exit(EXCEPTION)

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
