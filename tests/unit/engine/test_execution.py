"""Executing plans: phases, flows, events, rescue, history."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.actions.events import ExternalEvent, Skip
from smartdyn.engine.planning import Planned, PlanRequest
from smartdyn.engine.recovery import recover
from smartdyn.errors import EventUndeliverable, PlanConflict, StoreError
from smartdyn.model import flows
from smartdyn.model.rules import RescueStrategy
from smartdyn.model.states import PlanResult, PlanState, StepState
from smartdyn.secret import HIDDEN, Secret
from tests.support.engine import START, Engine
from tests.support.rig import Noop, RaiseInPlan, RaiseInRun, WaitForUpdate


class Produce(Action):
    """Produces a value."""

    def run(self) -> None:
        """Produce it."""
        self.output["value"] = {"inner": self.input["n"] * 2}


class Consume(Action):
    """Uses what others produce."""

    def plan(self) -> None:
        """Use two producers' output."""
        first = self.plan_action(Produce, {"n": 1})
        second = self.plan_action(Produce, {"n": 2})
        self.plan_self({"a": first.output["value"]["inner"], "deep": [{"b": second.output["value"]}]})

    def run(self) -> None:
        """Add up."""
        self.output["sum"] = self.input["a"] + self.input["deep"][0]["b"]["inner"]

    def finalize(self) -> None:
        """Conclude."""
        self.output["final"] = True


class Dangling(Action):
    """Refers to a key that its source does not produce."""

    def plan(self) -> None:
        """Refer to it."""
        source = self.plan_action(Produce, {"n": 1})
        self.plan_self({"x": source.output["nothing"]})

    def run(self) -> None:
        """Never called."""
        raise AssertionError


class Slow(Action):
    """Waits for a Deferred that the test fires."""

    waiting: ClassVar[list[Deferred[Any]]] = []

    async def run(self, event: Any = None) -> None:
        """Wait."""
        waiting: Deferred[Any] = Deferred()
        self.waiting.append(waiting)
        self.output.setdefault("got", []).append(event)
        if await waiting == "suspend":
            self.suspend()


class Unserializable(Action):
    """Leaves something that cannot be stored."""

    def run(self) -> None:
        """Leave it."""
        self.output["bad"] = object()


class Failing(RaiseInRun):
    """Fails for good."""

    class_name: ClassVar[str] = "Failing"

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """Stop."""
        return RescueStrategy.FAIL


class Skippable(RaiseInRun):
    """Fails, and does not mind."""

    class_name: ClassVar[str] = "Skippable"

    def run(self, event: Any = None) -> None:
        """Fail unless skipped."""
        if not isinstance(event, Skip):
            raise RuntimeError("no")

    def rescue_strategy_for_self(self) -> RescueStrategy:
        """Skip."""
        return RescueStrategy.SKIP


class Parallel(Action):
    """A failing branch beside one that goes on."""

    def plan(self, failing: type[Action]) -> None:
        """Plan both, and something after both."""
        with self.sequence():
            with self.concurrence():
                self.plan_action(failing, {})
                with self.sequence():
                    self.plan_action(Produce, {"n": 1})
                    self.plan_action(Produce, {"n": 2})
            self.plan_action(Produce, {"n": 3})


ACTIONS = (Produce, Consume, Dangling, Slow, Unserializable, Failing, Skippable, Parallel)


class EngineTestCase(SynchronousTestCase):
    """Runs plans in memory."""

    def setUp(self) -> None:
        self.engine = Engine(ACTIONS)
        Slow.waiting.clear()

    def run_plan(self, action: type[Action], *args: Any, plan_id: str = "p") -> Planned:
        """Plan and execute C{action}."""
        planned = self.engine.world.plan(PlanRequest(action, args, plan_id))
        self.successResultOf(Deferred.fromCoroutine(self.engine.world.accept([planned])))
        return planned

    def states(self, plan_id: str = "p") -> list[StepState]:
        """The stored states of a plan's steps."""
        return [step.state for _, step in sorted(self.engine.load(plan_id).steps.items())]


class RunTests(EngineTestCase):
    """From planning to the end."""

    def test_a_plan_runs_to_its_end(self) -> None:
        """A plan whose steps succeed is stopped with success, and its output is stored."""
        self.run_plan(Noop, {"x": 1})
        whole = self.engine.load("p")
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.STOPPED, PlanResult.SUCCESS))
        self.assertEqual(whole.actions[1].output, {"done": True})

    def test_history(self) -> None:
        """The history tells when and in which life of the service execution began and ended."""
        self.run_plan(Noop)
        entries = [(entry.time, entry.name, entry.world_id) for entry in self.engine.load("p").plan.history]
        world = self.engine.world.id
        self.assertEqual(entries, [(int(START), "start execution", world), (int(START), "finish execution", world)])

    def test_an_action_that_plans_nothing(self) -> None:
        """An action without run and finalize leaves empty flows and succeeds."""

        class Empty(Action):
            """Plans nothing."""

            def plan(self) -> None:
                """Plan nothing."""

        self.engine.world.registry.register(Empty)
        planned = self.run_plan(Empty)
        plan = planned.whole.plan
        self.assertEqual([flows.encode(plan.run_flow), flows.encode(plan.finalize_flow)], [["C"], ["S"]])
        self.assertEqual(self.engine.load("p").plan.result, PlanResult.SUCCESS)

    def test_outputs_reach_those_who_refer_to_them(self) -> None:
        """References anywhere in an input are replaced by values before run, and make a sequence."""
        planned = self.run_plan(Consume)
        whole = self.engine.load("p")
        self.assertEqual(flows.encode(planned.whole.plan.run_flow), ["S", ["C", 3, 5], 6])
        self.assertEqual(whole.actions[1].output, {"sum": 6, "final": True})
        self.assertEqual(whole.actions[1].input["a"], 2)

    def test_a_dangling_reference_is_an_error_of_its_step(self) -> None:
        """A missing subkey fails the step that asked for it, with a text that names it."""
        self.run_plan(Dangling)
        whole = self.engine.load("p")
        error = whole.steps[4].error
        assert error is not None
        self.assertIn("'nothing'", error.message)
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.PAUSED, PlanResult.ERROR))

    def test_output_that_cannot_be_stored_fails_the_step(self) -> None:
        """A value without a JSON form is named in the step's error; the plan can be resumed."""
        self.run_plan(Unserializable)
        whole = self.engine.load("p")
        error = whole.steps[2].error
        assert error is not None
        self.assertIn("$.bad", error.message)
        self.assertEqual(whole.plan.state, PlanState.PAUSED)

    def test_a_planning_error_is_on_every_step_up_to_the_root(self) -> None:
        """A plan that cannot be made is kept, stopped, and says why."""

        class Outer(Action):
            """Plans something that refuses."""

            def plan(self) -> None:
                """Plan it."""
                self.plan_action(RaiseInPlan)

        self.engine.world.registry.register(Outer)
        planned = self.run_plan(Outer)
        whole = self.engine.load("p")
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.STOPPED, PlanResult.ERROR))
        self.assertEqual(
            [step.error and step.error.message for step in whole.steps.values()], ["refused in plan phase"] * 2
        )
        assert planned.error is not None
        self.assertEqual(planned.error.exception_class, "ValueError")

    def test_an_existing_id_is_refused(self) -> None:
        """Planning with an id that is taken changes nothing."""
        self.run_plan(WaitForUpdate)
        planned = self.engine.world.plan(PlanRequest(Noop, (), "p"))
        failure = self.failureResultOf(Deferred.fromCoroutine(self.engine.world.accept([planned])))
        failure.trap(PlanConflict)
        self.assertEqual(self.engine.load("p").plan.label, "Rig::WaitForUpdate")

    def test_a_full_disk_delays_but_loses_nothing(self) -> None:
        """When the database cannot write, the outcome waits and is written later."""
        self.run_plan(Slow)
        self.engine.database.fail_next(StoreError("disk full"))
        Slow.waiting[0].callback(None)
        self.assertEqual(self.engine.load("p").plan.state, PlanState.RUNNING)
        self.engine.clock.advance(1)
        self.assertEqual(self.engine.load("p").plan.state, PlanState.STOPPED)

    def test_nothing_runs_before_its_start_is_durable(self) -> None:
        """The code of a step is called only after the database knows that it runs."""
        planned = self.engine.world.plan(PlanRequest(Slow, (), "p"))
        self.successResultOf(Deferred.fromCoroutine(self.engine.database_accept(planned)))
        self.assertEqual(Slow.waiting, [])
        self.engine.database.release()
        self.assertEqual(len(Slow.waiting), 1)

    def test_secrets_are_not_stored_in_clear(self) -> None:
        """A secret reaches the action, and the database only hidden."""
        self.run_plan(Slow, {"secrets": {"ssh_password": Secret("planted")}})
        stored = self.successResultOf(
            self.engine.database.query(lambda tx: tx.execute("SELECT input FROM actions").fetchone()[0])
        )
        self.assertIn(HIDDEN, stored)
        self.assertNotIn("planted", stored)
        self.assertEqual(self.engine.load("p").actions[1].input["secrets"]["ssh_password"].reveal(), "planted")

    def test_secrets_are_wiped_at_the_end(self) -> None:
        """When a plan stops, its sealed secrets are deleted."""
        self.run_plan(Noop, {"secrets": {"a": Secret("planted")}})
        self.assertEqual(self.engine.load("p").actions[1].input["secrets"], {"a": HIDDEN})


class RescueTests(EngineTestCase):
    """What becomes of plans with failed steps."""

    def test_by_default_a_failed_plan_is_paused(self) -> None:
        """It waits for a human, with the error kept."""
        self.run_plan(RaiseInRun)
        whole = self.engine.load("p")
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.PAUSED, PlanResult.ERROR))
        self.assertEqual([entry.name for entry in whole.plan.history], ["start execution", "pause execution"])

    def test_fail_stops_the_plan(self) -> None:
        """With the strategy Fail it is over."""
        self.run_plan(Failing)
        self.assertEqual(self.engine.load("p").plan.state, PlanState.STOPPED)

    def test_a_failing_branch_does_not_stop_its_siblings(self) -> None:
        """Other branches go to their own end; what comes after all of them does not start."""
        self.run_plan(Parallel, Failing)
        steps = self.engine.load("p").steps
        self.assertEqual(
            [steps[i].state for i in (3, 5, 7, 9)],
            [StepState.ERROR, StepState.SUCCESS, StepState.SUCCESS, StepState.PENDING],
        )

    def test_skip_goes_on_without_the_failed_step(self) -> None:
        """With the strategy Skip the rest is done and the result is a warning."""
        self.run_plan(Parallel, Skippable)
        whole = self.engine.load("p")
        self.assertEqual([whole.steps[i].state for i in (3, 9)], [StepState.SKIPPED, StepState.SUCCESS])
        self.assertEqual((whole.plan.state, whole.plan.result), (PlanState.STOPPED, PlanResult.WARNING))

    def test_resuming_tries_failed_steps_again(self) -> None:
        """A paused plan that is executed again runs its failed step again, and the old error is gone."""
        self.run_plan(Dangling)
        whole = self.engine.load("p")
        whole.actions[1].input["x"] = 1
        self.patch(Dangling, "run", lambda self: None)
        self.engine.world.execute(whole)
        resumed = self.engine.load("p")
        self.assertEqual((resumed.plan.state, resumed.steps[4].error), (PlanState.STOPPED, None))


class EventTests(EngineTestCase):
    """Events to suspended and running steps."""

    def test_an_event_wakes_a_suspended_step(self) -> None:
        """Its Deferred fires when run has dealt with it."""
        self.run_plan(WaitForUpdate)
        done = self.engine.world.event("p", 2, ExternalEvent({"n": 1}))
        self.assertTrue(self.successResultOf(done))
        self.assertEqual(self.engine.load("p").actions[1].output, {"events": [{"n": 1}]})

    def test_events_to_a_running_step_wait_in_order(self) -> None:
        """Never two calls of one step at once; first come, first served."""
        self.run_plan(Slow)
        first = self.engine.world.event("p", 2, "one")
        second = self.engine.world.event("p", 2, "two")
        self.assertEqual(len(Slow.waiting), 1)
        Slow.waiting[0].callback("suspend")
        self.assertEqual(len(Slow.waiting), 2)
        self.assertNoResult(first)
        Slow.waiting[1].callback("suspend")
        self.assertTrue(self.successResultOf(first))
        Slow.waiting[2].callback(None)
        self.assertTrue(self.successResultOf(second))
        self.assertEqual(self.engine.load("p").actions[1].output["got"], [None, "one", "two"])

    def test_events_left_when_a_step_ends_are_dropped(self) -> None:
        """Their senders are told so; no Deferred is forgotten."""
        self.run_plan(Slow)
        late = self.engine.world.event("p", 2, "late")
        Slow.waiting[0].callback(None)
        self.failureResultOf(late).trap(EventUndeliverable)

    def test_events_nobody_can_take(self) -> None:
        """An unknown plan, an unknown step and a plan step take no events."""
        self.run_plan(WaitForUpdate)
        for plan_id, step_id in (("q", 2), ("p", 99), ("p", 1)):
            self.failureResultOf(self.engine.world.event(plan_id, step_id, "x")).trap(EventUndeliverable)

    def test_cancel_reaches_cancellable_steps_and_is_durable(self) -> None:
        """The number of steps told is returned, and the wish is in the database."""
        self.run_plan(WaitForUpdate)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.engine.world.interventions.cancel("p"))), 1)
        plan = self.engine.load("p").plan
        self.assertEqual((plan.state, plan.cancel_requested_at), (PlanState.STOPPED, START))

    def test_cancel_of_a_finished_plan_tells_nobody(self) -> None:
        """It is no error and counts 0."""
        self.run_plan(Noop)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.engine.world.interventions.cancel("p"))), 0)


class RestartTests(EngineTestCase):
    """The next life of the service."""

    def recover(self) -> Engine:
        """Kill the engine and start the next one."""
        engine = self.engine.killed()
        self.successResultOf(Deferred.fromCoroutine(recover(engine.world)))
        return engine

    def test_a_suspended_step_waits_on(self) -> None:
        """It keeps what it had and takes the next event."""
        self.run_plan(WaitForUpdate)
        self.engine.world.event("p", 2, ExternalEvent({"n": 1}))
        engine = self.recover()
        engine.world.event("p", 2, ExternalEvent({"finish": True}))
        whole = engine.load("p")
        self.assertEqual(whole.actions[1].output, {"events": [{"n": 1}, {"finish": True}]})
        self.assertEqual(whole.plan.state, PlanState.STOPPED)

    def test_the_history_names_the_life_that_ended(self) -> None:
        """Execution ended in the old world and began again in the new one."""
        self.run_plan(WaitForUpdate)
        engine = self.recover()
        history = engine.load("p").plan.history
        self.assertEqual(
            [(entry.name, entry.world_id) for entry in history],
            [
                ("start execution", self.engine.world.id),
                ("terminate execution", self.engine.world.id),
                ("start execution", engine.world.id),
            ],
        )

    def test_a_step_that_was_running_is_not_repeated(self) -> None:
        """Nobody knows how far its code came, so it fails with a text that says so."""
        self.run_plan(Slow)
        engine = self.recover()
        self.assertEqual(len(Slow.waiting), 1)
        error = engine.load("p").steps[2].error
        assert error is not None
        self.assertEqual(error.message, "Abnormal termination (previous state: running)")

    def test_a_planned_plan_is_executed(self) -> None:
        """What was accepted is done, even if the service died right after the answer."""
        planned = self.engine.world.plan(PlanRequest(Noop, (), "p"))
        self.successResultOf(self.engine.store(planned))
        self.assertEqual(self.recover().load("p").plan.state, PlanState.STOPPED)

    def test_a_paused_plan_with_an_error_waits_for_a_human(self) -> None:
        """It is left as it is."""
        self.run_plan(RaiseInRun)
        self.assertEqual(self.recover().load("p").plan.state, PlanState.PAUSED)

    def test_a_broken_plan_does_not_keep_others_from_going_on(self) -> None:
        """It is reported and passed over."""
        self.run_plan(WaitForUpdate, plan_id="broken")
        self.run_plan(WaitForUpdate, plan_id="whole")
        self.successResultOf(self.engine.execute_sql("UPDATE plans SET run_flow = '{' WHERE id = 'broken'"))
        engine = self.recover()
        self.assertEqual(engine.world.running(), ["whole"])
        self.assertEqual(len(self.flushLoggedErrors()), 1)
