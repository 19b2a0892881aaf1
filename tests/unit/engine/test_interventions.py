"""What humans can do with plans: resume, skip, halt."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.events import ExternalEvent, Skip
from smartdyn.errors import EventUndeliverable, NotPossibleNow, PlanNotFound, ShuttingDown, StoreError
from smartdyn.model.states import PlanResult, PlanState, StepState
from tests.support.engine import Engine
from tests.support.rig import Noop, RaiseInRun, WaitForUpdate
from tests.unit.engine.test_execution import EngineTestCase, Produce, Slow


class Flaky(Action):
    """Fails as long as the test says."""

    fails: ClassVar[bool] = True

    def run(self, event: Any = None) -> None:
        """Fail, or not; skipping it can fail too."""
        if self.fails:
            raise RuntimeError("not yet")
        self.output["value"] = {"skipped": isinstance(event, Skip)}


@dataclass(frozen=True)
class Impossible:
    """A write that the database refuses."""

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Break a rule."""
        tx.execute("INSERT INTO plans (id) VALUES (NULL)")


class Refused(Action):
    """Wants something written that cannot be, when it is told."""

    transactional: ClassVar[bool] = True

    def run(self, event: Any = None) -> None:
        """Wait, then want it."""
        if event is None:
            self.suspend()
        self.write(Impossible())


class Chain(Action):
    """Two steps, the second of which needs the first, and one that needs nothing."""

    def plan(self) -> None:
        """Plan them."""
        first = self.plan_action(Flaky)
        self.plan_action(Produce, {"n": 1, "needs": first.output["value"]})
        self.plan_action(Produce, {"n": 2})


class InterventionTestCase(EngineTestCase):
    """Plans that need a human."""

    def setUp(self) -> None:
        super().setUp()
        self.engine = Engine((*self.engine.actions, Flaky, Refused, Chain))
        self.patch(Flaky, "fails", True)

    def do(self, work: Any) -> Any:
        """The result of something that is done at once."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def refuse(self, work: Any, kind: type[Exception]) -> str:
        """The text of a refusal."""
        return str(self.failureResultOf(Deferred.fromCoroutine(work), kind).value)


class ResumeTests(InterventionTestCase):
    """L{World.resume}."""

    def test_failed_steps_are_tried_again(self) -> None:
        """What succeeded is not repeated; what waited goes on."""
        self.run_plan(Chain)
        self.patch(Flaky, "fails", False)
        self.do(self.engine.world.interventions.resume("p"))
        whole = self.engine.load("p")
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.STOPPED, PlanResult.SUCCESS))
        self.assertIsNone(whole.steps[3].error)

    def test_only_paused_plans_can_be_resumed(self) -> None:
        """Others are left alone, and the text says in which state they are."""
        self.run_plan(Noop)
        self.assertIn("is stopped", self.refuse(self.engine.world.interventions.resume("p"), NotPossibleNow))
        self.refuse(self.engine.world.interventions.resume("nope"), PlanNotFound)


class SkipTests(InterventionTestCase):
    """L{World.skip}."""

    def test_dependents_are_left_out_too(self) -> None:
        """The step is marked, what needs its output is skipped, and the result is a warning at once."""
        self.run_plan(Chain)
        self.assertEqual(self.do(self.engine.world.interventions.skip("p", 3)), [3, 5])
        whole = self.engine.load("p")
        self.assertEqual(
            [whole.steps[step].state for step in (3, 5, 7)], [StepState.SKIPPING, StepState.SKIPPED, StepState.SUCCESS]
        )
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.PAUSED, PlanResult.WARNING))

    def test_resuming_tells_the_step_that_it_is_skipped(self) -> None:
        """It gets the event and is then skipped; the plan ends with a warning."""
        self.run_plan(Chain)
        self.do(self.engine.world.interventions.skip("p", 3))
        self.patch(Flaky, "fails", False)
        self.do(self.engine.world.interventions.resume("p"))
        whole = self.engine.load("p")
        self.assertEqual(whole.actions[2].output, {"value": {"skipped": True}})
        self.assertEqual((whole.steps[3].state, whole.plan.state), (StepState.SKIPPED, PlanState.STOPPED))

    def test_skipping_again_after_it_failed(self) -> None:
        """A step whose skipping fails can be skipped once more (Dynflow #390)."""
        self.run_plan(Chain)
        self.do(self.engine.world.interventions.skip("p", 3))
        self.do(self.engine.world.interventions.resume("p"))
        self.assertEqual(self.engine.load("p").steps[3].state, StepState.ERROR)
        self.assertEqual(self.do(self.engine.world.interventions.skip("p", 3)), [3])
        self.assertEqual(self.do(self.engine.world.interventions.skip("p", 3)), [])

    def test_what_cannot_be_skipped(self) -> None:
        """A step that is not there, or a plan that is not paused."""
        self.run_plan(RaiseInRun)
        self.assertIn("step 9", self.refuse(self.engine.world.interventions.skip("p", 9), NotPossibleNow))
        self.run_plan(Noop, plan_id="q")
        self.refuse(self.engine.world.interventions.skip("q", 2), NotPossibleNow)


class HaltTests(InterventionTestCase):
    """L{World.halt}."""

    def test_answered_when_it_is_durable(self) -> None:
        """Whoever is told that a plan was resumed or halted will find it so after a crash."""
        self.run_plan(Flaky)
        Flaky.fails = False
        self.engine.database.hold()
        resumed = Deferred.fromCoroutine(self.engine.world.interventions.resume("p"))
        self.assertNoResult(resumed)
        self.engine.database.release()
        self.successResultOf(resumed)
        self.run_plan(WaitForUpdate, plan_id="q")
        self.engine.database.hold()
        halted = Deferred.fromCoroutine(self.engine.world.interventions.halt("q"))
        self.assertNoResult(halted)
        self.engine.database.release()
        self.successResultOf(halted)
        self.assertEqual(self.engine.load("q").plan.state, PlanState.STOPPED)

    def test_answered_when_it_cannot_be_stored(self) -> None:
        """A wish that comes to nothing, since the database refuses what came before it, gets an error."""
        self.run_plan(Refused)
        self.engine.database.hold()
        sent = self.engine.world.event("p", 2, "write")
        halted = Deferred.fromCoroutine(self.engine.world.interventions.halt("p"))
        self.engine.database.release()
        self.failureResultOf(sent, EventUndeliverable)
        self.assertIn("task p could not be stored", str(self.failureResultOf(halted, StoreError).value))

    def test_the_service_stops(self) -> None:
        """A plan is not resumed when nothing would come of it any more."""
        self.run_plan(RaiseInRun)
        self.do(self.engine.world.stop())
        self.refuse(self.engine.world.interventions.resume("p"), ShuttingDown)

    def test_in_every_state(self) -> None:
        """Planned, running, paused and stopped plans are stopped afterwards; twice is harmless."""
        self.run_plan(WaitForUpdate, plan_id="running")
        self.run_plan(RaiseInRun, plan_id="paused")
        self.run_plan(Noop, plan_id="stopped")
        for _ in range(2):
            for plan_id in ("running", "paused", "stopped"):
                self.do(self.engine.world.interventions.halt(plan_id))
                self.assertEqual(self.engine.load(plan_id).plan.state, PlanState.STOPPED)
        names = [entry.name for entry in self.engine.load("running").plan.history]
        self.assertEqual(names, ["start execution", "halt execution"])

    def test_waiting_senders_are_told(self) -> None:
        """No Deferred is left without an answer, and later events find nobody."""
        self.run_plan(Slow)
        waiting = self.engine.world.event("p", 2, "x")
        self.do(self.engine.world.interventions.halt("p"))
        self.failureResultOf(waiting, EventUndeliverable)
        self.failureResultOf(self.engine.world.event("p", 2, ExternalEvent({})), EventUndeliverable)

    def test_nothing_follows_code_that_was_running(self) -> None:
        """Its own outcome is kept with its step, and the plan stays stopped."""
        self.run_plan(Slow)
        self.do(self.engine.world.interventions.halt("p"))
        Slow.waiting[0].callback(None)
        whole = self.engine.load("p")
        self.assertEqual((whole.steps[2].state, whole.plan.state), (StepState.SUCCESS, PlanState.STOPPED))
