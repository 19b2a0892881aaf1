"""Code of authors that does what it should not: the rest goes on, and it is known what happened."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.hooks import on_plan
from smartdyn.engine.plan_hooks import LONGEST
from smartdyn.engine.world import LAST_TIMEOUT, TERMINATION_TIMEOUT
from smartdyn.errors import DeadlineExceeded, StoreError
from smartdyn.model.rules import RescueStrategy
from smartdyn.model.states import PlanResult, PlanState, StepState
from tests.support.engine import Engine
from tests.support.rig import WaitForUpdate
from tests.unit.engine.test_execution import EngineTestCase


class Indecisive(Action):
    """Fails, and cannot say what is to become of the plan."""

    def run(self) -> None:
        """Fail."""
        raise RuntimeError("failed in run phase")

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """Fail at that, too."""
        raise LookupError("no strategy")


class Unmade(Action):
    """Cannot be made for anything but its planning."""

    phases: ClassVar[tuple[str, ...]] = ("Run",)

    def __init__(self, phase: Any) -> None:
        super().__init__(phase)
        if phase.name in self.phases:
            raise LookupError(f"not for {phase.name}")

    def run(self) -> None:
        """Never called."""
        raise AssertionError


class UnmadeDecision(Unmade):
    """Likewise, in one commit with its plan's."""

    transactional: ClassVar[bool] = True


class Hanging(Action):
    """Has hooks that wait for what does not come."""

    heard: ClassVar[list[str]] = []

    def run(self) -> None:
        """Do nothing."""

    @on_plan("planned", "running", "stopped")
    def wait(self, plan: Any) -> Deferred[None]:
        """Wait for ever."""
        self.heard.append(f"{plan.id} {plan.state.value}")
        return Deferred()


class Stubborn(Action):
    """Does not let itself be cancelled."""

    async def run(self) -> None:
        """Wait for ever."""
        while True:
            with contextlib.suppress(CancelledError):
                await Deferred()


class CarelessCodeTests(EngineTestCase):
    """What the engine does with such code."""

    def setUp(self) -> None:
        super().setUp()
        self.engine = Engine((*self.engine.actions, Indecisive, Unmade, UnmadeDecision, Hanging, Stubborn))
        self.patch(Hanging, "heard", [])

    def test_no_strategy(self) -> None:
        """When an action cannot name its rescue strategy, the plan is paused for a human, with the step's own error."""
        plan = self.engine.trigger(Indecisive, {})
        self.assertEqual(self.engine.state(plan), PlanState.PAUSED)
        self.assertEqual(self.engine.errors(plan), ["failed in run phase"])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_no_instance(self) -> None:
        """An action that cannot even be made fails its step; the plan does not wait for it for ever."""
        for action in (Unmade, UnmadeDecision):
            plan = self.engine.trigger(action, {})
            self.assertEqual(self.engine.state(plan), PlanState.PAUSED, action)
            self.assertEqual(self.engine.step_states(plan)[2], StepState.ERROR, action)
            self.assertEqual(self.engine.errors(plan), ["not for Run"], action)

    def test_hanging_hooks(self) -> None:
        """A hook that does not come back holds up no other plan's, and those of its own plan only for a time."""
        first, second = self.engine.trigger(Hanging, {}), self.engine.trigger(Hanging, {})
        self.assertEqual(self.engine.result(second), PlanResult.SUCCESS)
        for plan in (first, second):
            self.assertIn(f"{plan} planned", Hanging.heard)
            self.assertIn(f"{plan} running", Hanging.heard)
            self.assertNotIn(f"{plan} stopped", Hanging.heard)
        self.engine.advance(LONGEST)
        for plan in (first, second):
            self.assertIn(f"{plan} stopped", Hanging.heard)
        self.engine.advance(LONGEST)
        self.assertEqual(len(self.flushLoggedErrors(DeadlineExceeded)), 6)
        self.assertEqual(self.engine.world.spawner.count(), 0)

    def test_stubborn_code(self) -> None:
        """Code that takes no notice of being cancelled does not keep the service from ending."""
        self.engine.trigger(Stubborn, {})
        stopped = Deferred.fromCoroutine(self.engine.world.stop())
        self.engine.advance(TERMINATION_TIMEOUT)
        self.assertNoResult(stopped)
        self.engine.advance(LAST_TIMEOUT)
        self.successResultOf(stopped)

    def test_end_on_a_full_disk(self) -> None:
        """A database that cannot note the end of the service does not keep it from ending."""
        self.engine.trigger(WaitForUpdate, {})
        self.engine.database.fail_next(StoreError("the disk is full"))
        self.successResultOf(Deferred.fromCoroutine(self.engine.world.stop()))
