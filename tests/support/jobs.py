"""Jobs that print what a test wants and end as it wants, on an engine in memory."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.runner import Runner, RunnerContext
from smartdyn.actions.runner_action import RunnerAction
from tests.support.engine import Engine


class PrintingRunner(Runner):
    """Prints and ends at once, or when it is killed."""

    async def run(self, context: RunnerContext, *, resumed: bool) -> None:
        """Print C{printed} and C{said}, and exit with C{status}; without one, wait for the end."""
        self.killed: Deferred[None] = Deferred()
        for type, text in (("stdout", self.input.get("printed")), ("debug", self.input.get("said"))):
            if text:
                await context.publish(text, type)
        status = self.input.get("status")
        if status is None:
            context.note(self.input.get("note"))
            await self.killed
            status = 255
        await context.exit(status)

    async def kill(self) -> None:
        """End."""
        self.killed.callback(None)


class PrintingJob(RunnerAction):
    """A job on a host."""

    class_name: ClassVar[str] = "Rig::PrintingJob"

    def plan(self, input: dict[str, Any]) -> None:
        """Name the host."""
        self.works_on(input.get("host", "web1.example.org"))
        self.plan_self(input)

    def make_runner(self, runner_id: str) -> Runner:
        return PrintingRunner(runner_id, self.input)


def run(engine: Engine, **input: Any) -> str:
    """Run such a job.

    @return: its task.
    """
    return engine.trigger(PrintingJob, input)
