"""A job of a batch that could not be planned as asked: it exists, says why, and Foreman is told."""

from __future__ import annotations

from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.callback import Callback, split_callback
from smartdyn.actions.runner import EXCEPTION
from smartdyn.model.rules import RescueStrategy


class Rejected(Action):
    """Stands in the place of the action that was asked for."""

    class_name: ClassVar[str] = "Smartdyn::Rejected"
    transactional: ClassVar[bool] = True

    def plan(self, input: dict[str, Any]) -> None:
        """Have the problem reported."""
        rest, callback = split_callback(input)
        with self.sequence():
            self.plan_self(rest)
            if callback:
                self.plan_action(Callback, callback, self.output)

    def run(self) -> None:
        """Make the problem the job's output."""
        text = f"Error initializing command: {self.input['problem']}"
        self.output["result"] = [{"output_type": "debug", "output": text, "timestamp": self.now}]
        self.output["exit_status"] = EXCEPTION
        self.output["exit_status_timestamp"] = self.now

    def finalize(self) -> None:
        """End in error."""
        self.error(self.input["problem"])

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """There is nothing to resume."""
        return RescueStrategy.FAIL
