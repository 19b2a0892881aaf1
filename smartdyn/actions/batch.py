"""The parent of the jobs that were launched together (SPD action/batch.rb)."""

from __future__ import annotations

from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.model.rules import RescueStrategy
from smartdyn.secret import hide


class Batch(Action):
    """Stands for a launch of many jobs.

    Its children are planned in the same transaction as it is, so all that is left to run is to say how many there are.
    It does not wait for them: Foreman expects it stopped at once. The counts that are shown come from the children.
    """

    class_name: ClassVar[str] = "Proxy::Dynflow::Action::Batch"
    transactional: ClassVar[bool] = True
    counts_sub_plans: ClassVar[bool] = True

    def plan(self, launcher: dict[str, Any], input_hash: dict[str, Any]) -> None:
        """Remember what was launched; the passwords are with the children."""
        self.plan_self({"input_hash": hide(input_hash), "launcher": launcher})

    def run(self) -> None:
        """Note how many jobs there are."""
        total = len(self.input["input_hash"])
        self.output.update(total_count=total, failed_count=0, pending_count=total, success_count=0)

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """There is nothing to resume."""
        return RescueStrategy.FAIL
