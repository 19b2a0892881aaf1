"""The actions that Foreman names when it wants a script run (RXS actions/run_script.rb)."""

from __future__ import annotations

from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.runner import Runner
from smartdyn.actions.runner_action import RunnerAction
from smartdyn.model.rules import RescueStrategy
from smartdyn.rex.runners import ScriptRunners


class ScriptRunnerAction(RunnerAction):
    """Runs a script on a host."""

    class_name: ClassVar[str] = "Proxy::RemoteExecution::Ssh::Actions::ScriptRunner"

    def make_runner(self, runner_id: str) -> Runner:
        """A runner over SSH, or the simulation when that is asked for."""
        return self.resource(ScriptRunners).make(runner_id, self.input)


class RunScript(Action):
    """Runs a script and reports to Foreman; it has nothing to run itself."""

    class_name: ClassVar[str] = "Proxy::RemoteExecution::Ssh::Actions::RunScript"
    aliases: ClassVar[tuple[str, ...]] = ("ForemanRemoteExecutionCore::Actions::RunScript",)
    transactional: ClassVar[bool] = True

    def plan(self, input: dict[str, Any]) -> None:
        """Have the script run; the runner's action plans the callback behind itself."""
        if isinstance(input.get("hostname"), str):
            self.works_on(input["hostname"])
        self.plan_action(ScriptRunnerAction, input)

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """There is nothing to resume."""
        return RescueStrategy.FAIL
