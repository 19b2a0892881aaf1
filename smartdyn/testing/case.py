"""A test case with assertions about actions."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.model.records import ActionRecord, WholePlan
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.testing.engine import Engine


class ActionTestCase(SynchronousTestCase):
    """Asserts what plans are made of and how they come out."""

    def assertPlanned(self, plan: WholePlan, action: type[Action], input: dict[str, Any] | None = None) -> ActionRecord:
        """The plan has an action of this class (with this input, the request id aside)."""
        found = [record for record in plan.actions.values() if record.class_name == action.name()]
        self.assertTrue(found, f"the plan has no {action.name()}")
        if input is None:
            return found[0]
        inputs = [_without_request(record) for record in found]
        self.assertIn(input, inputs)
        return found[inputs.index(input)]

    def assertNotPlanned(self, plan: WholePlan, action: type[Action]) -> None:
        """The plan has no action of this class."""
        names = [record.class_name for record in plan.actions.values()]
        self.assertNotIn(action.name(), names)

    def assertRuns(self, plan: WholePlan, action: type[Action]) -> None:
        """The action has a run step."""
        self.assertIsNotNone(self.assertPlanned(plan, action).run_step_id, f"{action.name()} is not run")

    def assertFinalizes(self, plan: WholePlan, action: type[Action]) -> None:
        """The action has a finalize step."""
        self.assertIsNotNone(self.assertPlanned(plan, action).finalize_step_id, f"{action.name()} is not finalized")

    def assertEnded(self, engine: Engine, plan_id: str, state: PlanState, result: PlanResult) -> None:
        """The plan is in this state with this result; the message says what went wrong in it."""
        found = engine.plan(plan_id).plan
        self.assertEqual((found.state, found.result), (state, result), engine.errors(plan_id))

    def assertSucceeded(self, engine: Engine, plan_id: str) -> None:
        """The plan has ended well."""
        self.assertEnded(engine, plan_id, PlanState.STOPPED, PlanResult.SUCCESS)


def _without_request(record: ActionRecord) -> dict[str, Any]:
    return {key: value for key, value in record.input.items() if key != "current_request_id"}
