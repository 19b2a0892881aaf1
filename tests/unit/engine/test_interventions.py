"""What humans can do with plans: cancel a step, resume, skip, halt."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.events import Cancel, ExternalEvent, Skip
from smartdyn.errors import (
    EventUndeliverable,
    NotPossibleNow,
    PlanNotFound,
    ShuttingDown,
    StepNotCancellable,
    StoreError,
)
from smartdyn.model.states import PlanResult, PlanState, StepState
from smartdyn.store import events
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


class Heedful(WaitForUpdate):
    """Is asked to end and does so in its own time."""

    class_name: ClassVar[str] = "Heedful"

    def run(self, event: Any = None) -> None:
        """Count how often that was."""
        if isinstance(event, Cancel):
            self.output["asked"] = self.output.get("asked", 0) + 1
            self.suspend()
        super().run(event)


class Pair(Action):
    """Two steps that wait at the same time, and one behind them that cannot be cancelled."""

    def plan(self, kind: type[Action]) -> None:
        """Plan them."""
        with self.sequence():
            with self.concurrence():
                self.plan_action(kind, {})
                self.plan_action(WaitForUpdate, {})
            self.plan_action(Slow, {})


class InterventionTestCase(EngineTestCase):
    """Plans that need a human."""

    def setUp(self) -> None:
        super().setUp()
        self.engine = Engine((*self.engine.actions, Flaky, Refused, Chain, Heedful, Pair))
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


class CancelStepTests(InterventionTestCase):
    """L{Interventions.cancel_step}."""

    def kept(self) -> list[int]:
        """The steps for which something is stored that they are to be told."""
        return [each.step_id for each in self.successResultOf(self.engine.database.query(events.everything))]

    def test_the_others_go_on(self) -> None:
        """Of two steps that wait one is told, and its plan, which goes on, does not count as cancelled."""
        self.run_plan(Pair, WaitForUpdate)
        self.engine.cancel_step("p", 3)
        states = self.engine.step_states("p")
        self.assertEqual((states[3], states[5]), (StepState.SUCCESS, StepState.SUSPENDED))
        self.assertIsNone(self.engine.load("p").plan.cancel_requested_at)
        self.engine.send("p", ExternalEvent({"finish": True}))
        Slow.waiting[0].callback(None)
        self.assertEqual((self.engine.state("p"), self.engine.result("p")), (PlanState.STOPPED, PlanResult.SUCCESS))

    def test_a_restart_does_not_forget_it(self) -> None:
        """A step that has not ended is told again by each life of the service, no other one is; its end is the end."""
        self.run_plan(Pair, Heedful)
        self.engine.cancel_step("p", 3)
        for told in (2, 3):
            self.engine = self.engine.crash()
            self.assertEqual((self.engine.output("p", 2)["asked"], self.kept()), (told, [3]))
        self.engine.send("p", ExternalEvent({"finish": True}), step_id=3)
        self.assertEqual((self.engine.step_states("p")[5], self.kept()), (StepState.SUSPENDED, []))

    def test_it_is_durable_before_the_step_hears_of_it(self) -> None:
        """So it is told after a crash that came between."""
        self.run_plan(Pair, Heedful)
        self.engine.database.hold()
        asked = Deferred.fromCoroutine(self.engine.world.interventions.cancel_step("p", 3))
        self.assertNoResult(asked)
        self.assertNotIn("asked", self.engine.output("p", 2))
        self.engine.database.release()
        self.successResultOf(asked)

    def test_what_is_tried_again_is_not_cancelled(self) -> None:
        """A step that failed when it was cancelled begins anew when its plan is resumed."""
        self.run_plan(Pair, Heedful)
        self.engine.cancel_step("p", 3)
        self.engine.world.event("p", 3, "what is this?").addErrback(lambda _: None)
        self.engine.send("p", ExternalEvent({"finish": True}), step_id=5)
        self.assertEqual((self.engine.state("p"), self.kept()), (PlanState.PAUSED, []))
        self.engine.resume("p")
        self.engine = self.engine.crash()
        self.assertEqual(self.engine.output("p", 2), {"events": [], "asked": 1})

    def test_what_cannot_be_cancelled(self) -> None:
        """Is named with the reason: no such step or task, one that is over or not there yet, an action that cannot."""
        self.run_plan(Pair, WaitForUpdate)
        cancel = self.engine.world.interventions.cancel_step
        self.engine.cancel_step("p", 3)
        for step, reason in ((99, "no such step"), (1, "run phase"), (3, "it is success"), (7, "it is pending")):
            self.assertIn(reason, self.refuse(cancel("p", step), StepNotCancellable))
        self.engine.cancel_step("p", 5)
        self.assertIn("halt the task", self.refuse(cancel("p", 7), StepNotCancellable))
        self.engine.halt("p")
        self.assertIn("the task is stopped", self.refuse(cancel("p", 7), StepNotCancellable))
        self.refuse(cancel("nope", 2), PlanNotFound)


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
