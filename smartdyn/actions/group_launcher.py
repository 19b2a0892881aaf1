"""Launches groups: one runner for many hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.callback import split_callback
from smartdyn.actions.group import BatchRunner, OutputCollector, SingleRunnerBatch
from smartdyn.actions.launchers import BatchLauncher, ChildInput, LaunchContext
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.world import World
from smartdyn.store.vault import Vault


class GroupLauncher(BatchLauncher):
    """Plans a host's plan for each input, under the id that Foreman gave it, and one for the runner of all.

    Whatever action class Foreman names, a host's plan only collects. As with a batch, everything is committed before
    the answer, and a launch may be repeated.
    """

    ruby_name: ClassVar[str] = "Proxy::Dynflow::TaskLauncher::AbstractGroup"

    def __init__(self, world: World, vault: Vault, operation: str) -> None:
        """
        @param operation: the name under which L{smartdyn.actions.group.GroupRunners} has its runner.
        """
        super().__init__(world, vault)
        self._operation = operation

    def find(self, name: Any) -> type[Action]:
        return OutputCollector

    def target_name(self, plan_id: str, action_input: Mapping[str, Any]) -> str:
        """What the runner calls a host."""
        del action_input
        return plan_id

    def child_input(self, action_input: dict[str, Any]) -> dict[str, Any]:
        """What a host's plan keeps of its input."""
        return action_input

    async def _plan(
        self,
        children: Mapping[str, ChildInput],
        digests: Mapping[str, bytes],
        options: Any,
        context: LaunchContext,
    ) -> str:
        good = {key: child for key, child in children.items() if child.problem is None}
        parent_id, runner_id = self._world.new_id(), self._world.new_id()
        callbacks, planned = {}, []
        for key, child in children.items():
            if child.problem is not None:
                planned.append(self._plan_child(key, child, parent_id, digests[key], context))
                continue
            rest, callback = split_callback(child.action_input)
            if callback:
                callbacks[key] = callback
            kept = {**self.child_input(rest), "runner_id": runner_id}
            fields = {"plan_id": key, "caller": (parent_id, 1), "launch_digest": digests[key]}
            planned.append(self._world.plan(self.request(OutputCollector, kept, context, **fields)))
        launcher, input_hash = self.describe(children, options, context)
        parent = self._world.plan(
            PlanRequest(SingleRunnerBatch, (launcher, input_hash, callbacks), parent_id, request_id=context.request_id)
        )
        runner = [self._plan_runner(good, input_hash, runner_id, parent_id, context)] if good else []
        await self._world.accept([parent, *planned, *runner])
        return parent_id

    def _plan_runner(
        self,
        children: Mapping[str, ChildInput],
        input_hash: Mapping[str, Any],
        runner_id: str,
        parent_id: str,
        context: LaunchContext,
    ) -> Any:
        targets = {
            self.target_name(key, child.action_input): {
                "execution_plan_id": key,
                "run_step_id": 2,
                "input": input_hash[key],
            }
            for key, child in children.items()
        }
        input = {"targets": targets, "operation": self._operation, "runner_id": runner_id}
        return self._world.plan(
            PlanRequest(
                BatchRunner, (input,), self._world.new_id(), request_id=context.request_id, caller=(parent_id, 1)
            )
        )
