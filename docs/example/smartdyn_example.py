"""Updates packages on many hosts, a few at a time: what actions, sub-plans, polling and runners look like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.phases import SubPlanRequest
from smartdyn.actions.polling import PollingAction
from smartdyn.actions.runner import Runner, RunnerContext
from smartdyn.actions.runner_action import RunnerAction
from smartdyn.actions.sub_plans import WithSubPlans


@dataclass
class Host:
    """What an update of one host is given."""

    host: str
    packages: list[str]


@dataclass(frozen=True)
class Repository:
    """Where packages come from: the plugin provides it to its actions."""

    prepared: dict[str, int]


class Prepare(PollingAction):
    """Has the repository prepare packages, and waits for it."""

    class_name: ClassVar[str] = "Example::Prepare"
    poll_intervals: ClassVar[tuple[float, ...]] = (1, 5)

    def invoke_external_task(self) -> dict[str, int]:
        """Ask for the packages."""
        prepared = self.resource(Repository).prepared
        for package in self.input["packages"]:
            prepared.setdefault(package, 0)
        return dict(prepared)

    def poll_external_task(self) -> dict[str, int]:
        """How far they are, in percent."""
        return dict(self.resource(Repository).prepared)

    def done(self) -> bool:
        """When all are prepared."""
        return all(self.external_task[package] == 100 for package in self.input["packages"])

    def on_finish(self) -> None:
        """Say what others can refer to."""
        self.output["packages"] = sorted(self.input["packages"])


class UpdateRunner(Runner):
    """Does the work for one host; a real one would connect to it."""

    async def run(self, context: RunnerContext, *, resumed: bool) -> None:
        """Publish what happens, then exit."""
        for number, package in enumerate(self.input["packages"], 1):
            if number > context.offset:
                await context.publish(f"{self.input['host']}: {package} is up to date\n", offset=number)
        await context.exit(0)

    async def kill(self) -> None:
        """There is nothing to stop."""


class UpdateHost(RunnerAction):
    """Updates one host."""

    class_name: ClassVar[str] = "Example::UpdateHost"
    input_format: ClassVar[Any] = Host

    def plan(self, input: dict[str, Any]) -> None:
        """Name the host, for lists and searches."""
        self.works_on(input["host"])
        super().plan(input)

    def make_runner(self, runner_id: str) -> Runner:
        return UpdateRunner(runner_id, self.input)


class UpdateHosts(WithSubPlans):
    """Updates all hosts, each in a plan of its own, at most two at the same time."""

    class_name: ClassVar[str] = "Example::UpdateHosts"

    def plan(self, input: dict[str, Any]) -> None:
        """Wait for the packages first."""
        prepared = self.plan_action(Prepare, {"packages": input["packages"]})
        self.limit_concurrency_level(2)
        self.plan_self({"hosts": input["hosts"], "packages": prepared.output["packages"]})

    def create_sub_plans(self) -> Iterable[SubPlanRequest]:
        """One for each host."""
        for host in self.input["hosts"]:
            yield self.sub_plan(UpdateHost, {"host": host, "packages": self.input["packages"]})

    def humanized_output(self) -> str:
        return f"{len(self.input.get('hosts', ()))} hosts"


ACTIONS: tuple[type[Action], ...] = (Prepare, UpdateHost, UpdateHosts)


def install(service: Any) -> None:
    """Called by smartdyn before it starts."""
    for action in ACTIONS:
        service.registry.register(action)
    service.world.provide(Repository, Repository({}))
