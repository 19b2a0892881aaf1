"""What authors may rely on in an action: planning, formats, progress, threads, polling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, execute
from twisted.logger import globalLogPublisher

from smartdyn.actions.action import Action
from smartdyn.actions.polling import PollingAction
from smartdyn.actions.registry import Registry
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.world import World
from smartdyn.log.lines import text_line
from smartdyn.model import flows, rules
from smartdyn.model.ids import random_id
from smartdyn.model.rules import RescueStrategy
from smartdyn.model.states import PlanResult, PlanState, StepState
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.vault import Vault
from smartdyn.testing import ActionTestCase, Engine, call_finalize, call_run, done, plan
from tests.support.engine import Engine as FullEngine


class Leaf(Action):
    """Does nothing."""

    queue: ClassVar[str | None] = "leaves"

    def run(self) -> None:
        """Do nothing."""


class Branch(Leaf):
    """Plans leaves in an order of its own."""

    def plan(self, *args: Any) -> None:
        """A sequence with a concurrence in it."""
        with self.sequence():
            self.plan_action(Leaf)
            with self.concurrence():
                self.plan_action(Leaf)
                self.plan_action(Leaf)
            self.plan_action(Leaf)
        self.plan_self({"own": 1})


class Follower(Action):
    """Is planned wherever a branch is."""

    subscribes_to: ClassVar[tuple[type[Action] | str, ...]] = (Branch,)

    def run(self) -> None:
        """Do nothing."""


class Empty(Action):
    """Plans nothing of its own."""

    def plan(self, *args: Any) -> None:
        """Nothing."""


class EmptyFollower(Action):
    """Is planned where nothing is."""

    subscribes_to: ClassVar[tuple[type[Action] | str, ...]] = (Empty.name(),)

    def plan(self, *args: Any) -> None:
        """With the arguments of its trigger."""
        assert self.trigger is not None
        self.plan_self({"same": list(args), "trigger": self.trigger.action_id})

    def run(self) -> None:
        """Do nothing."""


class Between(Action):
    """Has an empty one between two others."""

    def plan(self) -> None:
        """One after another."""
        with self.sequence():
            self.plan_action(Leaf)
            self.plan_action(Empty, "x")


class PlanningTests(ActionTestCase):
    """What plans are made of."""

    def setUp(self) -> None:
        self.engine = Engine((Leaf, Branch, Follower, Empty, EmptyFollower, Between))

    def test_subscription(self) -> None:
        """The subscriber stands beside its trigger, with the trigger's input (X:b C{Flowy})."""
        made = plan(Branch, engine=self.engine)
        self.assertEqual(flows.encode(made.plan.run_flow), ["C", ["S", 3, ["C", 5, 7], 9], 10, 12])
        follower = self.assertPlanned(made, Follower)
        self.assertEqual(follower.input["own"], 1)
        self.assertEqual(follower.caller_action_id, 1)
        self.assertEqual(made.steps[12].queue, "leaves")

    def test_subscription_to_one_that_plans_nothing(self) -> None:
        """Nobody else is moved (spec 1.4), and the arguments are the same."""
        made = plan(Between, engine=self.engine)
        self.assertEqual(flows.encode(made.plan.run_flow), ["S", 3, 6])
        record = self.assertPlanned(made, EmptyFollower, {"same": ["x"], "trigger": 3})
        self.assertEqual(record.run_step_id, 6)

    def test_subscription_is_to_the_exact_class(self) -> None:
        """Not to those below it."""

        class Twig(Branch):
            pass

        engine = Engine((Leaf, Twig, Branch, Follower))
        made = plan(Twig, engine=engine)
        self.assertRuns(made, Twig)
        self.assertNotPlanned(made, Follower)

    def test_a_class_that_is_not_registered(self) -> None:
        """Is refused when it is planned, for its steps could not be called; the text says what to add."""

        class Stranger(Leaf):
            pass

        class Host(Action):
            def plan(self, *args: Any) -> None:
                self.plan_action(Stranger)

        engine = Engine((Leaf, Host))
        task = engine.trigger(Host)
        self.assertEnded(engine, task, PlanState.STOPPED, PlanResult.ERROR)
        self.assertIn("service.registry.register(Stranger)", engine.errors(task)[0])

    def test_an_input_that_is_none(self) -> None:
        """What is no mapping is refused, with the name of the action that it is for."""
        engine = Engine((Leaf,))
        task = engine.trigger(Leaf, "text")
        self.assertEnded(engine, task, PlanState.STOPPED, PlanResult.ERROR)
        expected = f"the input of {Leaf.name()} must be a mapping of names and values, not 'text'"
        self.assertEqual(engine.errors(task)[0], expected)

    def test_a_key_that_is_missing(self) -> None:
        """The error says that a key is missing, of which Python would say the name alone."""

        class Forgetful(Action):
            def run(self) -> None:
                self.output["x"] = self.input["name"]

        engine = Engine((Forgetful,))
        self.assertEqual(engine.errors(engine.trigger(Forgetful, {}))[0], "there is no key 'name'")


@dataclass
class Order:
    """A format."""

    amount: int
    comment: str = ""


class Shop(Action):
    """Knows what it wants."""

    input_format: ClassVar[Any] = Order
    output_format: ClassVar[Any] = Order

    def run(self) -> None:
        """Sell."""
        order = self.typed_input
        self.output["amount"] = "many" if order.comment == "more" else order.amount + 1


class FormatTests(ActionTestCase):
    """Declared formats of input and output."""

    def test_typed_input(self) -> None:
        """Comes as the record that was declared."""
        self.assertEqual(call_run(Shop, {"amount": 2}).output, {"amount": 3})

    def test_bad_input_is_refused_when_it_is_planned(self) -> None:
        """With the place of what is wrong."""
        engine = Engine([Shop])
        task = engine.trigger(Shop, {"amount": "two"})
        self.assertEnded(engine, task, PlanState.STOPPED, PlanResult.ERROR)
        self.assertEqual(engine.errors(task), ["Invalid input: Expected `int`, got `str` - at `$.amount`"])

    def test_bad_input_that_comes_of_a_reference(self) -> None:
        """Is refused when it is known."""
        ran = call_run(Shop, {"amount": None})
        assert ran.error is not None
        self.assertIn("Invalid input", ran.error.message)

    def test_bad_output_fails_the_step(self) -> None:
        """Others rely on it."""
        ran = call_run(Shop, {"amount": 1, "comment": "more"})
        assert ran.error is not None
        self.assertIn("Invalid output", ran.error.message)


class Heavy(Action):
    """Weighs three, and is half done while it waits."""

    def run(self, event: Any = None) -> None:
        """Wait."""
        if event is None:
            self.suspend()

    def run_progress(self) -> float:
        """As its input says."""
        value = self.input.get("progress", 0.5)
        return float("nan") if value == "nan" else float(value)

    def run_progress_weight(self) -> float:
        """Three."""
        return 3.0


class Light(Leaf):
    """Weighs one."""


class Both(Action):
    """Something heavy and something light."""

    def plan(self, progress: Any) -> None:
        """At the same time."""
        self.plan_action(Heavy, {"progress": progress})
        self.plan_action(Light)


class ProgressTests(ActionTestCase):
    """How far plans are."""

    def progress(self, value: Any) -> float:
        """Of a plan with one step done and the other as far as C{value}."""
        engine = Engine((Both, Heavy, Light))
        whole = engine.plan(engine.trigger(Both, value))
        return rules.progress(whole.plan, whole.steps)

    def test_weighted(self) -> None:
        """By the weights of the steps (X:h)."""
        self.assertEqual(self.progress(0.5), (0.5 * 3 + 1) / 4)

    def test_nonsense_counts_as_nothing(self) -> None:
        """Neither numbers that are none nor errors reach anybody."""
        self.assertEqual(self.progress("nan"), 0.25)
        self.assertEqual(self.progress("x"), 0.25)
        self.flushLoggedErrors(ValueError)

    def test_done(self) -> None:
        """One."""
        engine = Engine((Leaf, Empty))
        for action in (Leaf, Empty):
            whole = engine.plan(engine.trigger(action))
            self.assertEqual(rules.progress(whole.plan, whole.steps), 1.0)


class Blocking(Action):
    """Blocks."""

    blocking: ClassVar[bool] = True

    def run(self, event: Any = None) -> None:
        """Do something that takes its time, then wait."""
        self.output["ran"] = True
        if event is None:
            self.suspend()


class ThreadTests(ActionTestCase):
    """Code that blocks."""

    def test_blocking_code_runs_in_a_thread(self) -> None:
        """Where it can do all that an action does; here the thread is a queue of the test's own."""
        engine = Engine([Blocking])
        calls: list[tuple[Deferred[Any], Callable[[], Any]]] = []

        def in_thread(call: Callable[[], Any]) -> Deferred[Any]:
            deferred: Deferred[Any] = Deferred()
            calls.append((deferred, call))
            return deferred

        engine.world = World(
            engine.clock,
            engine.clock.seconds,
            random_id,
            MemoryDatabase(),
            Vault(bytes(32)),
            Registry([Blocking]),
            in_thread=in_thread,
        )
        task = engine.trigger(Blocking)
        self.assertEqual(engine.step_states(task)[2], StepState.RUNNING)
        for expected in (StepState.SUSPENDED, StepState.SUCCESS):
            deferred, call = calls.pop()
            execute(call).addBoth(deferred.callback)
            self.assertEqual(engine.step_states(task)[2], expected)
            if expected is StepState.SUSPENDED:
                engine.send(task, "go on")


class Elsewhere(PollingAction):
    """Something that takes place elsewhere."""

    calls: ClassVar[list[str]] = []
    answers: ClassVar[list[Any]] = []

    async def invoke_external_task(self) -> Any:
        """Start it."""
        self.calls.append("start")
        return {"progress": 0}

    def poll_external_task(self) -> Any:
        """Ask."""
        self.calls.append("ask")
        answer = self.answers.pop(0) if self.answers else {"progress": 0}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def done(self) -> bool:
        """At one hundred."""
        return bool(self.external_task["progress"] == 100)

    def on_finish(self) -> None:
        """Say so."""
        self.output["finished"] = True


class PollingTests(ActionTestCase):
    """Actions that ask from time to time."""

    def setUp(self) -> None:
        Elsewhere.calls.clear()
        Elsewhere.answers.clear()
        self.engine = Engine([Elsewhere])

    def test_intervals(self) -> None:
        """They grow after every five questions (X:f)."""
        self.engine.trigger(Elsewhere)
        self.engine.advance(2.5)
        self.assertEqual(Elsewhere.calls, ["start", *["ask"] * 5])
        self.engine.advance(5)
        self.assertEqual(Elsewhere.calls.count("ask"), 10)
        self.engine.advance(1000)
        self.assertEqual(self.engine.output(self.engine.trigger(Elsewhere))["poll_attempts"], {"total": 0, "failed": 0})

    def test_done(self) -> None:
        """Ends as soon as it is done."""
        Elsewhere.answers.extend([{"progress": 50}, {"progress": 100}])
        task = self.engine.trigger(Elsewhere)
        self.engine.advance(1)
        self.assertSucceeded(self.engine, task)
        self.assertTrue(self.engine.output(task)["finished"])

    def test_failures_in_a_row(self) -> None:
        """Two are borne, the third is one too many; when it is resumed it is asked for, not started again."""
        Elsewhere.answers.extend(
            [OSError("1"), OSError("2"), {"progress": 1}, OSError("3"), OSError("4"), OSError("5")]
        )
        task = self.engine.trigger(Elsewhere)
        self.engine.advance(10)
        self.assertEqual(self.engine.errors(task), ["5"])
        Elsewhere.answers.append({"progress": 100})
        self.engine.resume(task)
        self.assertSucceeded(self.engine, task)
        self.assertEqual(Elsewhere.calls.count("start"), 1)

    def test_a_crash_while_waiting(self) -> None:
        """Goes on asking, in one series."""
        task = self.engine.trigger(Elsewhere)
        self.engine = self.engine.crash()
        self.engine.advance(0.6)
        before = len(Elsewhere.calls)
        self.engine.advance(1)
        self.assertEqual(len(Elsewhere.calls) - before, 2)
        Elsewhere.answers.append({"progress": 100})
        self.engine.advance(1)
        self.assertSucceeded(self.engine, task)
        self.assertEqual(Elsewhere.calls.count("start"), 1)

    def test_a_crash_while_it_was_started(self) -> None:
        """It is not started twice unasked; the error says what to do."""
        task = self.start_and_hold()
        self.engine = self.engine.crash()
        self.assertIn("look whether it was", self.engine.errors(task)[0])
        self.assertEqual(Elsewhere.calls, ["start"])

    def start_and_hold(self) -> str:
        """A task of which the outcome of the first call is never committed."""
        original = Elsewhere.invoke_external_task

        async def invoke(action: Elsewhere) -> Any:
            self.engine.database.hold()
            return await original(action)

        self.patch(Elsewhere, "invoke_external_task", invoke)
        return self.engine.trigger(Elsewhere)


class Logging(Action):
    """Fails, which is logged."""

    async def run(self) -> None:
        """Fail."""
        raise LookupError("look for this")

    def finalize(self) -> None:
        """Do nothing."""
        self.output["finalized"] = self.output.get("count", 0) + 1


class KitTests(ActionTestCase):
    """The testing kit itself, and what shows in logs."""

    def test_single_calls(self) -> None:
        """Of C{run} with its events, and of C{finalize}."""
        first = call_run(Elsewhere, {})
        self.assertEqual([delay for _, delay in first.events], [0.5])
        again = call_run(Elsewhere, {}, event=first.events[0][0], output=first.output)
        self.assertEqual(again.output["poll_attempts"]["total"], 1)
        self.assertEqual(call_finalize(Logging, output={"count": 1}).output["finalized"], 2)

    def test_phases(self) -> None:
        """What is finalized is known from its plan, and what is not."""
        self.assertFinalizes(plan(Logging), Logging)
        with self.assertRaisesRegex(AssertionError, "not finalized"):
            self.assertFinalizes(plan(Leaf), Leaf)

    def test_planning_that_fails(self) -> None:
        """Is an assertion that failed, with the reason."""
        with self.assertRaisesRegex(AssertionError, "Invalid input"):
            plan(Shop, {})

    def test_what_waits_is_not_done(self) -> None:
        """The kit says so instead of hanging."""
        with self.assertRaisesRegex(AssertionError, "still waiting"):
            done(Deferred())

    def test_log_lines_carry_the_request(self) -> None:
        """Whatever a step logs can be found by the id of Foreman's request."""
        lines: list[str] = []

        def observe(event: Any) -> None:
            lines.append(text_line(event))

        observer: Any = observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        engine = Engine([Logging])
        done(engine.world.accept([engine.world.plan(PlanRequest(Logging, (), random_id(), "0123abcd-request"))]))
        found = [text for text in lines if "look for this" in text]
        self.assertTrue(found)
        self.assertIn(" 0123abcd [W]", found[0])


class CostTests(ActionTestCase):
    """What plans cost, and what many of them do."""

    def test_statements_of_a_trivial_plan(self) -> None:
        """No more than fifteen writes from the request to the end (the reference: 50 statements)."""
        engine = Engine([Leaf])
        statements: list[str] = []
        engine.database.trace(statements.append)
        self.assertSucceeded(engine, engine.trigger(Leaf))
        writes = [text for text in statements if text.split()[0] in {"INSERT", "UPDATE", "DELETE", "REPLACE"}]
        self.assertLessEqual(len(writes), 15, "\n".join(writes))

    def test_many_leftover_plans(self) -> None:
        """All are taken up at a start, one that is broken aside."""
        engine = Engine([Heavy])
        plans = [engine.trigger(Heavy, {}) for _ in range(250)]
        engine = engine.crash()
        self.assertEqual(len(engine.world.running()), 250)
        for task in plans:
            done(engine.send(task, "go on"))
            self.assertSucceeded(engine, task)

    def test_without_rescue(self) -> None:
        """A failed plan is paused, whatever its actions would like."""
        engine = Engine([Doomed])
        engine.world = World(
            engine.clock,
            engine.clock.seconds,
            random_id,
            engine.database,
            Vault(bytes(32)),
            engine.registry,
            auto_rescue=False,
        )
        self.assertEnded(engine, engine.trigger(Doomed), PlanState.PAUSED, PlanResult.ERROR)


class Doomed(Leaf):
    """Fails, and is not to be paused for it."""

    def run(self) -> None:
        """Fail."""
        self.error("failed")

    def rescue_strategy_for_self(self) -> RescueStrategy:
        return RescueStrategy.FAIL

    def humanized_state(self, state: str) -> str:
        return f"{state}, alas"

    def humanized_output(self) -> str | None:
        return f"{self.input['name']} is doomed"


class PageTests(ActionTestCase):
    """What people are shown."""

    def test_what_actions_say(self) -> None:
        """Of their states and output; one that cannot say anything does not break the page."""
        engine = FullEngine([Doomed])
        page = done(engine.tasks.page(engine.trigger(Doomed, {"name": "he"})))
        self.assertEqual((page.remarks, page.steps[1].note), (("he is doomed",), "error, alas"))
        page = done(engine.tasks.page(engine.trigger(Doomed, {})))
        self.assertIn("cannot say anything", page.remarks[0])

    def test_progress(self) -> None:
        """Of the whole and of each step."""
        engine = FullEngine([Heavy])
        page = done(engine.tasks.page(engine.trigger(Heavy, {"progress": 0.25})))
        self.assertEqual((page.progress, page.steps[1].progress), (0.25, 0.25))
