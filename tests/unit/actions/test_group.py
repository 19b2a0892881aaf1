"""Groups: one runner for many hosts."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.group import BatchCallback, BatchRunner, GroupRunners, OutputCollector, SingleRunnerBatch
from smartdyn.actions.group_launcher import GroupLauncher
from smartdyn.actions.runner import GroupContext, Runner
from smartdyn.engine.recovery import recover
from smartdyn.errors import UnknownTarget
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.store import callbacks
from smartdyn.testing import ActionTestCase, done
from tests.support.engine import Engine

GROUP = (BatchCallback, BatchRunner, OutputCollector, SingleRunnerBatch)


class Orchestra(Runner):
    """Does what the test says."""

    made: ClassVar[list[Orchestra]] = []

    def __init__(self, id: str, input: dict[str, Any]) -> None:
        super().__init__(id, input)
        self.context: Any = None
        self.kills = 0
        self.resumed = False
        self.end: Deferred[None] = Deferred()
        self.made.append(self)

    async def run(self, context: GroupContext, *, resumed: bool) -> None:
        """Wait for the test."""
        self.context, self.resumed = context, resumed
        await self.end

    async def kill(self) -> None:
        """Count."""
        self.kills += 1


class GroupTests(ActionTestCase):
    """A group from start to end."""

    def setUp(self) -> None:
        Orchestra.made.clear()
        self.engine = self.prepare(Engine(GROUP))

    def prepare(self, engine: Engine) -> Engine:
        """Give an engine what groups need."""
        engine.world.provide(GroupRunners, GroupRunners({"play": Orchestra}))
        engine.launchers.register("play", GroupLauncher(engine.world, engine.vault, "play"))
        return engine

    def launch(self, **inputs: dict[str, Any]) -> dict[str, Any]:
        """Launch a group; the answer."""
        given = {
            key: {
                "action_class": "Proxy::Ansible::Whatever",
                "action_input": {"callback": {"task_id": f"task {key}", "step_id": 3}, **input},
            }
            for key, input in inputs.items()
        }
        return done(self.engine.tasks.launch("play", given, {}, callback_host="http://proxy", request_id="r"))

    def launch_two(self) -> str:
        """Launch one for the hosts C{a} and C{b}; the parent's id."""
        parent: str = self.launch(a={"name": "alpha"}, b={"name": "beta"})["parent"]["task_id"]
        return parent

    def output(self, plan_id: str) -> dict[str, Any]:
        """The output of a plan's first action, as the API shows it."""
        found: dict[str, Any] = done(self.engine.tasks.status(plan_id))["actions"][0]["output"]
        return found

    def texts(self, plan_id: str) -> list[str]:
        """What a host's plan has collected."""
        return [chunk["output"] for chunk in self.output(plan_id)["result"]]

    def end(self, status: int | str) -> None:
        """Let the runner end."""
        done(Orchestra.made[-1].context.exit(status))
        Orchestra.made[-1].end.callback(None)

    def bodies(self) -> list[Any]:
        """The callbacks that wait to be sent."""
        due = done(self.engine.database.query(lambda tx: callbacks.due(tx, self.engine.clock.seconds(), 9)))
        return [pending.callback for pending in due]

    def test_shape(self) -> None:
        """Plans, flows, ids and inputs are those of the reference (G:group-ok)."""
        parent = self.launch_two()
        status = done(self.engine.tasks.status(parent))
        self.assertEqual((status["label"], status["state"]), (SingleRunnerBatch.name(), "running"))
        self.assertEqual((status["run_flow"], status["finalize_flow"]), (["S", 2, 5], ["S", 3]))
        self.assertEqual(
            status["actions"][0]["output"],
            {"total_count": 3, "failed_count": 0, "pending_count": 3, "success_count": 0},
        )
        targets = {key: {"task_id": f"task {key}", "step_id": 3} for key in "ab"}
        self.assertEqual(status["actions"][1]["input"]["targets"], targets)
        self.assertEqual(status["actions"][1]["input"]["results"]["subkeys"], ["results"])
        child = done(self.engine.tasks.status("a"))
        self.assertEqual(
            (child["label"], child["run_flow"], child["finalize_flow"]), (OutputCollector.name(), 2, ["S", 3])
        )
        expected = {"name": "alpha", "task_id": "task a", "runner_id": Orchestra.made[0].id}
        self.assertEqual(
            child["actions"][0]["input"], {**expected, "callback_host": "http://proxy", "current_request_id": "r"}
        )
        self.assertEqual(child["actions"][0]["output"], {"result": [], "runner_id": Orchestra.made[0].id})
        self.assertEqual(child["actions"][0]["caller_execution_plan_id"], parent)

    def test_running_work(self) -> None:
        """The parent is no work: Foreman would take the proxy for busier than it is."""
        self.launch_two()
        self.assertEqual(done(self.engine.tasks.count(["running"])), 3)
        self.assertEqual(done(self.engine.tasks.count(None)), 4)

    def test_each_host_ends_by_itself(self) -> None:
        """It need not wait for the slowest; what the whole exits with counts for the others."""
        parent = self.launch_two()
        context = Orchestra.made[0].context
        done(context.publish_for("a", "to a\n"))
        done(context.broadcast("to all\n", "stderr"))
        done(context.exit_for("a", 3))
        self.assertEnded(self.engine, "a", PlanState.STOPPED, PlanResult.ERROR)
        self.assertEqual((context.targets(), self.engine.state("b")), (["b"], PlanState.RUNNING))
        done(context.broadcast("late\n"))
        self.end(0)
        self.assertSucceeded(self.engine, "b")
        self.assertSucceeded(self.engine, parent)
        self.assertEqual((self.texts("a"), self.texts("b")), (["to a\n", "to all\n"], ["to all\n", "late\n"]))
        self.assertEqual([self.output(key)["exit_status"] for key in "ab"], [3, 0])
        counts = {"total_count": 3, "failed_count": 1, "pending_count": 0, "success_count": 2}
        self.assertEqual(self.output(parent), counts)

    def test_one_callback_for_all(self) -> None:
        """In the order of the launch, when all have ended; the results are read when it is sent."""
        self.launch_two()
        self.assertEqual(self.bodies(), [])
        self.end(0)
        expected = [{"plan_id": key, "callback": {"task_id": f"task {key}", "step_id": 3}} for key in "ab"]
        self.assertEqual(self.bodies(), [expected])

    def test_a_runner_that_fails_fails_all_hosts(self) -> None:
        """With the reason in the output of each; in the reference they run for ever (G:group-fail-start)."""
        parent = self.launch_two()
        Orchestra.made[0].end.errback(OSError("no stage"))
        for key in "ab":
            self.assertEnded(self.engine, key, PlanState.STOPPED, PlanResult.ERROR)
            self.assertEqual(self.texts(key), ["Error initializing command: OSError - no stage"])
            self.assertEqual(self.output(key)["exit_status"], "EXCEPTION")
        self.assertSucceeded(self.engine, parent)
        self.assertEqual(len(self.bodies()), 1)
        self.flushLoggedErrors(OSError)

    def test_cancel(self) -> None:
        """Of the parent, the runner or one host: the runner is told, and one step counts (G)."""
        parent = self.launch_two()
        self.assertEqual(self.engine.cancel("a"), 1)
        self.assertEqual(Orchestra.made[0].kills, 1)
        self.assertEqual(self.engine.cancel(parent), 1)
        self.assertGreater(Orchestra.made[0].kills, 1)
        self.end(2)
        self.assertSucceeded(self.engine, parent)
        self.assertEqual(self.output(parent)["failed_count"], 3)

    def test_a_restart_goes_on(self) -> None:
        """With one runner, for the hosts that have not ended, where their output ended."""
        parent = self.launch_two()
        context = Orchestra.made[0].context
        done(context.publish_for("b", "before\n", offset=7))
        done(context.exit_for("a", 0))
        self.engine = self.prepare(self.engine.killed())
        done(recover(self.engine.world))
        self.assertEqual([runner.id for runner in Orchestra.made], [Orchestra.made[0].id] * 2)
        context = Orchestra.made[1].context
        self.assertTrue(Orchestra.made[1].resumed)
        self.assertEqual((context.targets(), context.target_offset("b")), (["b"], 7))
        done(context.publish_for("b", "after\n"))
        self.end(0)
        self.assertEqual(self.texts("b"), ["before\n", "after\n"])
        self.assertSucceeded(self.engine, parent)

    def test_time_limit(self) -> None:
        """The runner is stopped when the longest of the hosts' limits has passed."""
        self.launch(a={"execution_timeout_interval": 3}, b={"execution_timeout_interval": 5})
        self.engine.advance(4)
        self.assertEqual(Orchestra.made[0].kills, 0)
        self.engine.advance(1)
        self.assertEqual(Orchestra.made[0].kills, 1)

    def test_nobody_at_all(self) -> None:
        """A group of no hosts is a parent that is done."""
        nothing: tuple[Any, ...] = ({}, None)
        for launch in nothing:
            answer = done(self.engine.tasks.launch("play", launch, {}, callback_host="x", request_id="r"))
            self.assertSucceeded(self.engine, answer["parent"]["task_id"])

    def test_without_callbacks(self) -> None:
        """Hosts that Foreman does not want to hear of run like the others."""
        self.launch(a={"callback": None})
        self.end(0)
        self.assertSucceeded(self.engine, "a")
        self.assertEqual(self.bodies(), [])

    def test_repeated_launch(self) -> None:
        """The same hosts again are not started again."""
        parent = self.launch_two()
        self.assertEqual(self.launch_two(), parent)
        self.assertEqual(len(Orchestra.made), 1)

    def test_an_input_that_is_none(self) -> None:
        """Fails alone; the others run."""
        given = {"a": {"action_input": {"name": "alpha"}}, "b": "nonsense"}
        answer = done(self.engine.tasks.launch("play", given, {}, callback_host="x", request_id="r"))
        self.assertEqual(answer["b"]["result"], "error")
        self.assertEnded(self.engine, "b", PlanState.STOPPED, PlanResult.ERROR)
        self.end(0)
        self.assertSucceeded(self.engine, "a")
        self.assertSucceeded(self.engine, answer["parent"]["task_id"])

    def test_unknown_targets(self) -> None:
        """A runner that speaks of somebody else is told so."""
        self.launch_two()
        with self.assertRaises(UnknownTarget):
            Orchestra.made[0].context.publish_for("c", "x")
