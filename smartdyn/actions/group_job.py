"""A job for many hosts that one runner works on."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults, succeed

from smartdyn.actions.running_job import Job, RunningJob
from smartdyn.engine.world import World
from smartdyn.errors import UnknownTarget
from smartdyn.metrics.jobs import JobMeters
from smartdyn.model.states import PlanState
from smartdyn.store import plans


def make_running(world: World, job: Job, meters: JobMeters) -> RunningJob:
    """What stands between the engine and the runner of C{job}."""
    return GroupJob(world, job, meters) if job.targets else RunningJob(world, job, meters)


class GroupJob(RunningJob):
    """What a runner sees of a job for many hosts: L{smartdyn.actions.runner.GroupContext}.

    Each host's job ends when the runner says so, and with the whole at the latest: no host is left behind.
    """

    def __init__(self, world: World, job: Job, meters: JobMeters) -> None:
        super().__init__(world, job, meters)
        self._targets = {name: RunningJob(world, target, meters) for name, target in job.targets.items()}

    async def open(self) -> None:
        await super().open()
        ids = [target.job.plan_id for target in self._targets.values()]
        states = await self._world.database.query(lambda tx: plans.states(tx, ids))
        for target in self._targets.values():
            await target.open()
            target.exited = states.get(target.job.plan_id, {}).get("state") in (PlanState.STOPPED, PlanState.PAUSED)

    def targets(self) -> list[str]:
        """The names of the hosts whose jobs have not ended."""
        return [name for name, target in self._targets.items() if not target.exited]

    def target_offset(self, target: str) -> int:
        """How far the output of one host is committed."""
        return self._find(target).offset

    def publish_for(
        self,
        target: str,
        text: str,
        type: str = "stdout",
        *,
        timestamp: float | None = None,
        external_id: str | None = None,
        offset: int | None = None,
    ) -> Deferred[None]:
        """Append to the output of one host; nothing once its job has ended."""
        found = self._find(target)
        if found.exited:
            return succeed(None)
        return found.publish(text, type, timestamp=timestamp, external_id=external_id, offset=offset)

    def broadcast(self, text: str, type: str = "stdout", *, timestamp: float | None = None) -> Deferred[None]:
        """Append to the output of all hosts whose jobs have not ended."""
        return _all([self.publish_for(name, text, type, timestamp=timestamp) for name in self.targets()])

    def exit_for(self, target: str, status: int | str, *, timestamp: float | None = None) -> Deferred[None]:
        """The job of one host has ended."""
        return self._find(target).exit(status, timestamp=timestamp)

    async def fail(self, text: str) -> None:
        await self.broadcast(text, "debug")
        await super().fail(text)

    async def _exit(self, status: int | str, timestamp: float | None) -> None:
        at = timestamp if timestamp is not None else self._world.now()
        await _all([self.exit_for(name, status, timestamp=at) for name in self.targets()])
        await super()._exit(status, at)

    def _find(self, target: str) -> RunningJob:
        try:
            return self._targets[target]
        except KeyError:
            raise UnknownTarget(target) from None


def _all(waiting: list[Deferred[None]]) -> Deferred[None]:
    return gatherResults(waiting, consumeErrors=True).addCallback(lambda _: None)
