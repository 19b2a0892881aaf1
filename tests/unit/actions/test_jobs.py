"""Jobs done by runners: the dispatcher and the action behind them."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.runner import Runner, RunnerContext
from smartdyn.actions.runner_action import RunnerAction
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.recovery import recover
from smartdyn.model.states import PlanState
from tests.support.engine import Engine


class ScriptedRunner(Runner):
    """Does what the test says."""

    made: ClassVar[list[ScriptedRunner]] = []

    def __init__(self, id: str, input: dict[str, Any]) -> None:
        super().__init__(id, input)
        self.context: Any = None
        self.resumed = False
        self.kills = 0
        self.events: list[dict[str, Any]] = []
        self.end: Deferred[None] = Deferred()
        self.made.append(self)

    async def run(self, context: RunnerContext, *, resumed: bool) -> None:
        """Wait for the test."""
        self.context, self.resumed = context, resumed
        await self.end

    async def kill(self) -> None:
        """Count."""
        self.kills += 1

    async def external_event(self, context: RunnerContext, data: dict[str, Any]) -> None:
        """Record."""
        self.events.append(data)


class Job(RunnerAction):
    """A job of the test."""

    class_name: ClassVar[str] = "Job"

    def make_runner(self, runner_id: str) -> Runner:
        """Refuse when told to."""
        if self.input.get("refuse"):
            raise ValueError("cannot be done")
        return ScriptedRunner(runner_id, self.input)


class JobTests(SynchronousTestCase):
    """A job from start to end."""

    def setUp(self) -> None:
        ScriptedRunner.made.clear()
        self.engine = self.prepare(Engine((Job,)))

    def prepare(self, engine: Engine) -> Engine:
        """Give an engine its dispatcher."""
        self.dispatcher = engine.dispatcher
        return engine

    def start(self, **input: Any) -> None:
        """Start a job."""
        planned = self.engine.world.plan(PlanRequest(Job, (input,), "p"))
        self.successResultOf(Deferred.fromCoroutine(self.engine.world.accept([planned])))

    def status(self) -> dict[str, Any]:
        """The job as the API shows it."""
        return self.successResultOf(Deferred.fromCoroutine(self.engine.tasks.status("p")))

    def output(self) -> dict[str, Any]:
        """Its output."""
        found: dict[str, Any] = self.status()["actions"][0]["output"]
        return found

    def end(self, status: int | str) -> None:
        """Let the job end."""
        runner = ScriptedRunner.made[-1]
        self.successResultOf(runner.context.exit(status))
        runner.end.callback(None)

    def test_success(self) -> None:
        """Output and exit status are shown; the list is there from the first moment."""
        self.start()
        self.assertEqual(self.output()["result"], [])
        ScriptedRunner.made[0].context.publish("hello\n")
        self.end(0)
        output = self.output()
        self.assertEqual(
            [(chunk["output_type"], chunk["output"]) for chunk in output["result"]], [("stdout", "hello\n")]
        )
        self.assertEqual((output["exit_status"], self.status()["result"]), (0, "success"))

    def test_failure_is_reported_before_the_plan_fails(self) -> None:
        """The callback is promised in the same commit as the end, and the plan is stopped with error."""
        self.start(callback={"task_id": "t", "step_id": 3})
        commits = self.engine.database.commits
        self.end(7)
        self.assertEqual(self.engine.database.commits - commits, 1)
        self.assertEqual(
            (self.engine.notified, self.status()["state"], self.status()["result"]), (1, "stopped", "error")
        )

    def test_a_runner_that_breaks(self) -> None:
        """The error is the output, the exit status EXCEPTION; nothing is stuck."""
        self.start()
        ScriptedRunner.made[0].end.errback(RuntimeError("broken"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertIn("RuntimeError - broken", self.output()["result"][0]["output"])
        self.assertEqual((self.output()["exit_status"], self.status()["state"]), ("EXCEPTION", "stopped"))

    def test_a_runner_that_cannot_be_made(self) -> None:
        """Likewise."""
        self.start(refuse=True)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.output()["exit_status"], "EXCEPTION")

    def test_a_runner_that_forgets_to_say_how_it_ended(self) -> None:
        """Likewise."""
        self.start()
        ScriptedRunner.made[0].end.callback(None)
        self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.output()["exit_status"], "EXCEPTION")

    def test_a_runner_that_gives_up_waiting_by_itself(self) -> None:
        """A cancellation that the service did not ask for is an error like any other: the job ends."""
        self.start()
        ScriptedRunner.made[0].end.cancel()
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)
        self.assertEqual((self.output()["exit_status"], self.status()["state"]), ("EXCEPTION", "stopped"))

    def test_a_service_that_stops_leaves_the_job_as_it_is(self) -> None:
        """It is neither ended nor told that it failed."""
        self.start()
        self.successResultOf(self.dispatcher.stop())
        self.assertEqual((self.status()["state"], self.output()["result"]), ("running", []))

    def test_a_job_that_begins_while_the_service_stops(self) -> None:
        """Its runner is left to the next life of the service: nobody would wait for it in this one."""
        self.successResultOf(self.dispatcher.stop())
        self.start()
        self.assertEqual((ScriptedRunner.made, self.status()["state"]), ([], "running"))
        self.engine = self.prepare(self.engine.crash())
        self.assertTrue(ScriptedRunner.made[0].resumed)

    def test_cancel_and_timeout_reach_the_runner(self) -> None:
        """Each asks it to stop; the job ends when the runner says so."""
        self.start(execution_timeout_interval="3")
        self.engine.clock.advance(3)
        self.assertEqual(ScriptedRunner.made[0].kills, 1)
        self.assertEqual(self.output()["result"][0]["output"], "Timeout for execution passed, trying to stop the job")
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(self.engine.world.interventions.cancel("p"))), 1)
        self.assertEqual((ScriptedRunner.made[0].kills, self.status()["state"]), (2, "running"))
        self.end(255)
        self.assertEqual(self.output()["exit_status"], 255)

    def test_reports_reach_the_runner(self) -> None:
        """What is posted to update comes as an external event."""
        self.start()
        self.successResultOf(Deferred.fromCoroutine(self.engine.tasks.deliver("p", 2, {"step_id": 2, "x": 1})))
        self.assertEqual(ScriptedRunner.made[0].events, [{"step_id": 2, "x": 1}])

    def test_output_is_kept_when_its_reader_gives_up_waiting(self) -> None:
        """Cancelling the wait for a commit neither loses the output nor holds up the end."""
        self.start()
        self.engine.database.hold()
        stored = ScriptedRunner.made[0].context.publish("kept")
        stored.addErrback(lambda failure: None)
        stored.cancel()
        ended = ScriptedRunner.made[0].context.exit(0)
        self.assertNoResult(ended)
        self.engine.database.release()
        self.successResultOf(ended)
        self.assertEqual(self.output()["result"][0]["output"], "kept")

    def test_timestamps_never_run_backwards(self) -> None:
        """Foreman shows output in the order of its timestamps."""
        self.start()
        context = ScriptedRunner.made[0].context
        for at in (100.0, 50.0, 200.0):
            context.publish("x", timestamp=at)
        self.assertEqual([chunk["timestamp"] for chunk in self.output()["result"]], [100.0, 100.0, 200.0])

    def test_a_restart_resumes_the_job(self) -> None:
        """The next life of the service has a runner of the same id go on where the output ended, cancel included."""
        self.start()
        ScriptedRunner.made[0].context.publish("first", offset=5)
        ScriptedRunner.made[0].context.begin()
        self.successResultOf(Deferred.fromCoroutine(self.engine.world.interventions.cancel("p")))
        self.engine = self.prepare(self.engine.killed())
        self.successResultOf(Deferred.fromCoroutine(recover(self.engine.world)))
        before, after = ScriptedRunner.made
        self.assertEqual((after.id, after.resumed, after.kills), (before.id, True, 1))
        self.assertEqual((after.context.offset, after.context.begun), (5, True))
        after.context.publish("second", offset=11)
        self.end(0)
        self.assertEqual([chunk["output"] for chunk in self.output()["result"]], ["first", "second"])
        self.assertEqual([chunk["output"] for chunk in self.output()["result"]], ["first", "second"])
        self.assertEqual(self.engine.load("p").plan.state, PlanState.STOPPED)

    def test_a_restart_resumes_the_job_of_a_cancelled_step(self) -> None:
        """Its runner is asked to stop again, by each life of the service."""
        self.start()
        self.engine.cancel_step("p", 2)
        for life in (1, 2):
            self.engine = self.prepare(self.engine.crash())
            self.assertEqual([(each.resumed, each.kills) for each in ScriptedRunner.made][life], (True, 1))
        self.assertIsNone(self.engine.load("p").plan.cancel_requested_at)
