"""The actions of a group: hosts with a plan each, and one runner for all of them (SPD task_launcher/group.rb)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.callback import CallbackSender
from smartdyn.actions.dispatcher import RunnerDispatcher
from smartdyn.actions.events import Abort, Cancel, ExternalEvent, RunnerExited
from smartdyn.actions.phases import SubPlanRequest
from smartdyn.actions.runner import Runner
from smartdyn.actions.runner_action import RunnerAction, time_limit
from smartdyn.actions.running_job import Job
from smartdyn.actions.sub_plans import WithSubPlans
from smartdyn.model.counts import SubPlanCounts
from smartdyn.model.rules import RescueStrategy
from smartdyn.secret import hide
from smartdyn.store.callbacks import EnqueueCallback

RunnerFactory = Callable[[str, dict[str, Any]], Runner]
"""Makes a runner, given its id and the inputs of its targets by their names."""


@dataclass(frozen=True, slots=True)
class GroupRunners:
    """The runners of the operations that work for many hosts at once, by operation."""

    factories: Mapping[str, RunnerFactory]


class SingleRunnerBatch(WithSubPlans):
    """The parent of a group: waits for all of its plans, which were made along with it, and has Foreman told."""

    class_name: ClassVar[str] = "Proxy::Dynflow::Action::SingleRunnerBatch"

    def plan(self, launcher: dict[str, Any], input_hash: dict[str, Any], targets: dict[str, Any]) -> None:
        """Remember what was launched.

        @param targets: for each host's plan, whom Foreman wants told of its end.
        """
        self.plan_self({"input_hash": hide(input_hash), "launcher": launcher})
        if targets:
            self.plan_action(BatchCallback, targets, self.output["results"])

    def total_count(self) -> int:
        """The plans of the hosts, and that of the runner."""
        return len(self.input["input_hash"]) + 1

    def batch(self, start: int, size: int) -> Iterable[SubPlanRequest]:
        """No more than there are: a group of which no host could be accepted has no runner."""
        return ()

    def check_for_errors(self, counts: SubPlanCounts) -> None:
        """How the hosts fared is told to Foreman for each; the group itself has done its work."""

    @classmethod
    def present_counts(cls, output: dict[str, Any], counts: SubPlanCounts) -> dict[str, Any]:
        return Action.present_counts({}, counts)

    def finalize(self) -> None:
        """Nothing is left to do; Foreman expects the step."""

    def rescue_strategy(self, computed: RescueStrategy | None) -> RescueStrategy | None:
        """There is nothing to resume."""
        return RescueStrategy.FAIL if computed is not None else None


class BatchCallback(Action):
    """Tells Foreman of all hosts in one request (SPD action/batch_callback.rb)."""

    class_name: ClassVar[str] = "Proxy::Dynflow::Action::BatchCallback"
    transactional: ClassVar[bool] = True
    resolves_references: ClassVar[bool] = False

    def plan(self, targets: dict[str, Any], results: Any) -> None:
        """Report the results of C{targets}."""
        self.plan_self({"targets": targets, "results": results})

    def run(self) -> None:
        """Enqueue it; the results are read when it is sent."""
        self.input.pop("results", None)
        parts = [{"plan_id": plan_id, "callback": callback} for plan_id, callback in self.input["targets"].items()]
        request_id = self.input.get("current_request_id")
        self.write(EnqueueCallback(self.plan_id, self.action_id, parts, self.now, request_id=request_id))
        self.after_commit(self.resource(CallbackSender).notify)


class OutputCollector(RunnerAction):
    """The plan of one host: collects what the group's runner has to say about it."""

    class_name: ClassVar[str] = "Proxy::Dynflow::Action::OutputCollector"

    def make_runner(self, runner_id: str) -> Runner:
        raise NotImplementedError("the runner belongs to the group")

    def run(self, event: Any = None) -> None:
        """Wait for the end of the host's job; whoever wants it to end ends the whole group."""
        runner_id = self.output["runner_id"] = self.input["runner_id"]
        dispatcher = self.resource(RunnerDispatcher)
        if isinstance(event, RunnerExited):
            self.output["exit_status"] = event.status
            self.output["exit_status_timestamp"] = event.timestamp
            return
        if isinstance(event, (Cancel, Abort)):
            self.after_commit(lambda: dispatcher.kill(runner_id))
        elif isinstance(event, ExternalEvent):
            self.after_commit(lambda: dispatcher.external_event(runner_id, event.data))
        self.suspend()


class BatchRunner(RunnerAction):
    """The plan of the runner."""

    class_name: ClassVar[str] = "Proxy::Dynflow::Action::BatchRunner"

    def plan(self, input: dict[str, Any]) -> None:
        """Run it."""
        self.plan_self(input)

    def make_runner(self, runner_id: str) -> Runner:
        factory = self.resource(GroupRunners).factories[self.input["operation"]]
        return factory(runner_id, {name: target["input"] for name, target in self.input["targets"].items()})

    def runner_id(self) -> str:
        """The id that the plans of the hosts know."""
        found: str = self.input["runner_id"]
        return found

    def time_limit(self) -> float | None:
        """The longest that any of the hosts is given; Foreman gives all hosts of a job the same, or none."""
        limits = [
            time_limit(target["input"].get("action_input", {}).get("execution_timeout_interval"))
            for target in self.input["targets"].values()
        ]
        known = [limit for limit in limits if limit is not None]
        return max(known, default=None)

    def targets(self) -> Mapping[str, Job]:
        """The jobs of the hosts."""
        return {
            name: Job(target["execution_plan_id"], 1, target["run_step_id"], self.step_started_at)
            for name, target in self.input["targets"].items()
        }
