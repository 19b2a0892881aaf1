"""The action behind every job that a runner does (SPD action/runner.rb)."""

from __future__ import annotations

import abc
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.callback import Callback, split_callback
from smartdyn.actions.dispatcher import RunnerDispatcher
from smartdyn.actions.events import Abort, Cancel, ExternalEvent, Restarted, RunnerExited
from smartdyn.actions.runner import Runner
from smartdyn.actions.running_job import Job
from smartdyn.model.rules import RescueStrategy


class RunnerAction(Action, abc.ABC):
    """Starts a runner and waits for its end; the job's output is C{output["result"]}.

    The step decides and the dispatcher does: so the start of a job, its end and everything that follows in the plan
    cost one commit each.
    """

    transactional: ClassVar[bool] = True
    cancellable: ClassVar[bool] = True
    handles_restart: ClassVar[bool] = True
    streams_output: ClassVar[bool] = True

    def plan(self, input: dict[str, Any]) -> None:
        """Do the job, then report its output if Foreman asked for that."""
        rest, callback = split_callback(input)
        rest.setdefault("task_id", str(uuid.uuid4()))
        self.plan_self(rest)
        if callback:
            self.plan_action(Callback, callback, self.output)

    @abc.abstractmethod
    def make_runner(self, runner_id: str) -> Runner:
        """The runner for this job; what it raises becomes the job's output."""

    def runner_id(self) -> str:
        """The id for a new runner."""
        return str(uuid.uuid4())

    def time_limit(self) -> float | None:
        """Seconds that the job may take, None when there is no limit."""
        return time_limit(self.input.get("execution_timeout_interval"))

    def targets(self) -> Mapping[str, Job]:
        """The jobs of the hosts, when the runner works for many of them."""
        return {}

    def run(self, event: Any = None) -> None:
        """Start the job, and deal with what is heard of it."""
        dispatcher = self.resource(RunnerDispatcher)
        runner_id = self.output.get("runner_id")
        if runner_id is None:
            self._start(dispatcher, self.runner_id(), resumed=False)
        elif isinstance(event, RunnerExited):
            self.output["exit_status"] = event.status
            self.output["exit_status_timestamp"] = event.timestamp
            return
        elif isinstance(event, Restarted):
            self._start(dispatcher, runner_id, resumed=True)
        elif isinstance(event, (Cancel, Abort)):
            self.after_commit(lambda: dispatcher.kill(runner_id))
        elif isinstance(event, ExternalEvent):
            self.after_commit(lambda: dispatcher.external_event(runner_id, event.data))
        else:
            self.error(f"a job cannot deal with {event!r}")
        self.suspend()

    def finalize(self) -> None:
        """A job that did not exit with 0 makes the plan end in error, after Foreman was told."""
        if self.output.get("exit_status") != 0:
            self.error("Script execution failed")

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """A failed job is over: nobody needs to resume it."""
        return RescueStrategy.FAIL

    def _start(self, dispatcher: RunnerDispatcher, runner_id: str, *, resumed: bool) -> None:
        self.output["runner_id"] = runner_id
        job = Job(
            plan_id=self.plan_id,
            action_id=self.action_id,
            step_id=self.run_step_id,
            started_at=self.step_started_at,
            time_limit=self.time_limit(),
            cancelled=self.cancel_requested,
            targets=self.targets(),
        )
        self.after_commit(
            lambda: dispatcher.start(runner_id, job, lambda: self.make_runner(runner_id), resumed=resumed)
        )


def time_limit(value: Any) -> float | None:
    """Foreman sends a number, a number as text, or nothing; 0 and less mean no limit."""
    try:
        seconds = float(value) if value is not None else 0.0
    except (TypeError, ValueError):
        return None
    return seconds if seconds > 0 else None
