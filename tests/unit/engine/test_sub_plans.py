"""Actions that start plans and wait for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.events import Abort, Cancel
from smartdyn.actions.phases import SubPlanRequest
from smartdyn.actions.sub_plans import Throttle, WithSubPlans
from smartdyn.model.query import TaskQuery
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.store import events, listing, plans
from smartdyn.testing import ActionTestCase, Engine, done


class Child(Action):
    """Waits, fails, or is done."""

    cancellable: ClassVar[bool] = True
    fails: ClassVar[set[int]] = set()

    def plan(self, input: dict[str, Any]) -> None:
        """Refuse, if so asked."""
        if input.get("unplannable"):
            raise ValueError("cannot be planned")
        self.plan_self(input)

    def run(self, event: Any = None) -> None:
        """Do as told."""
        if isinstance(event, Cancel):
            self.error("cancelled")
        if self.input["number"] in self.fails:
            self.error("failed")
        if event is None and self.input.get("waits"):
            self.suspend()


class Parent(WithSubPlans):
    """Starts children as its input says."""

    finished: ClassVar[list[str]] = []

    def plan(self, input: dict[str, Any]) -> None:
        """Limit what is to be limited."""
        if "level" in input:
            self.limit_concurrency_level(input["level"])
        if "span" in input:
            self.distribute_over_time(input["span"], input["count"])
        self.plan_self(input)

    def create_sub_plans(self) -> Iterable[SubPlanRequest]:
        """One for each number."""
        for number in range(self.input["count"]):
            yield self.sub_plan(Child, {**self.input.get("child", {}), "number": number})

    def on_planning_finished(self) -> None:
        """Remember it."""
        self.output["planned"] = True

    def on_finish(self) -> None:
        """Remember it."""
        self.finished.append(self.plan_id)


class Bulk(Parent):
    """In small batches."""

    batch_size: ClassVar[int] = 2


class Polling(Parent):
    """Looks from time to time."""

    poll_interval: ClassVar[float | None] = 10.0


ACTIONS = (Child, Parent, Bulk, Polling)


class SubPlanTests(ActionTestCase):
    """Parents and children."""

    def setUp(self) -> None:
        self.engine = Engine(ACTIONS)
        Child.fails = set()
        Parent.finished.clear()

    def children(self, parent: str, *states: PlanState) -> list[str]:
        """The ids of a parent's children in some states, the oldest first."""
        found = done(self.engine.database.query(lambda tx: listing.page(tx, TaskQuery(parent=parent), limit=1000)))
        return [child.id for child in reversed(found) if not states or child.state in states]

    def counts(self, parent: str) -> dict[str, int]:
        """The counts as they are shown; they add up."""
        counts = done(self.engine.database.query(lambda tx: plans.sub_plan_counts(tx, parent, 1)))
        shown = Parent.present_counts(self.engine.output(parent), counts)
        kinds = ("failed_count", "cancelled_count", "pending_count", "success_count")
        self.assertEqual(sum(shown[kind] for kind in kinds), shown["total_count"], shown)
        return {kind.removesuffix("_count"): shown[kind] for kind in (*kinds, "total_count", "planned_count")}

    def test_waits_for_all(self) -> None:
        """The parent goes on when the last child has ended."""
        parent = self.engine.trigger(Parent, {"count": 3, "child": {"waits": True}})
        for child in self.children(parent):
            self.assertEqual(self.engine.state(parent), PlanState.RUNNING)
            done(self.engine.send(child, "go on"))
        self.assertSucceeded(self.engine, parent)
        self.assertEqual(self.counts(parent)["success"], 3)
        self.assertEqual(Parent.finished, [parent])

    def test_none_at_all(self) -> None:
        """A parent of nobody is done, and its last method is called all the same."""
        parent = self.engine.trigger(Parent, {"count": 0})
        self.assertSucceeded(self.engine, parent)
        self.assertEqual(Parent.finished, [parent])

    def test_failed_children_fail_the_parent(self) -> None:
        """With Dynflow's message (X:e)."""
        Child.fails = {1}
        parent = self.engine.trigger(Parent, {"count": 3})
        self.assertEnded(self.engine, parent, PlanState.PAUSED, PlanResult.ERROR)
        self.assertEqual(self.engine.errors(parent), ["A sub task failed"])
        self.assertEqual((self.counts(parent)["failed"], self.counts(parent)["success"]), (1, 2))

    def test_resumed_children_count_as_they_are(self) -> None:
        """When the failed child has been repaired, so can the parent be."""
        Child.fails = {1}
        parent = self.engine.trigger(Parent, {"count": 3})
        Child.fails = set()
        self.engine.resume(self.children(parent, PlanState.PAUSED)[0])
        self.engine.resume(parent)
        self.assertSucceeded(self.engine, parent)
        self.assertEqual(self.counts(parent)["success"], 3)
        self.assertEqual(len(self.children(parent)), 3)

    def test_children_that_cannot_be_planned_count_as_failed(self) -> None:
        """They are there and say why; resumed, all are planned anew, since none ever began."""
        parent = self.engine.trigger(Parent, {"count": 2, "child": {"unplannable": True}})
        self.assertEqual(self.counts(parent)["failed"], 2)
        self.engine.resume(parent)
        self.assertEqual(len(self.children(parent)), 4)
        self.assertEqual(self.counts(parent), dict(self.counts(parent), total=2, failed=2))

    def test_batches(self) -> None:
        """Many plans are made a few at a time; all of them are."""
        parent = self.engine.trigger(Bulk, {"count": 5, "child": {"waits": True}})
        self.assertEqual(len(self.children(parent)), 5)
        self.assertEqual(self.engine.output(parent)["planned"], True)

    def test_concurrency_level(self) -> None:
        """Never more than allowed are under way, and one that ends makes room for the next."""
        parent = self.engine.trigger(Parent, {"count": 5, "level": 2, "child": {"waits": True}})
        for ended in range(5):
            running = self.children(parent, PlanState.RUNNING)
            self.assertEqual(len(running), min(2, 5 - ended))
            self.assertEqual(self.counts(parent)["pending"], 5 - ended)
            done(self.engine.send(running[0], "go on"))
        self.assertSucceeded(self.engine, parent)

    def test_concurrency_level_survives_a_crash(self) -> None:
        """What waits for room is no list in memory."""
        parent = self.engine.trigger(Parent, {"count": 5, "level": 2, "child": {"waits": True}})
        self.engine = self.engine.crash()
        self.assertEqual(len(self.children(parent)), 2)
        for ended in range(5):
            running = self.children(parent, PlanState.RUNNING)
            self.assertEqual(len(running), min(2, 5 - ended))
            done(self.engine.send(running[0], "go on"))
        self.assertSucceeded(self.engine, parent)

    def test_spread_over_time(self) -> None:
        """Starts come at their intervals, also when nothing else happens."""
        parent = self.engine.trigger(Parent, {"count": 4, "span": 40})
        for started in range(1, 5):
            self.assertEqual(len(self.children(parent)), started)
            self.engine.advance(10)
        self.assertSucceeded(self.engine, parent)

    def test_the_maintenance_window_closes(self) -> None:
        """What could not be started by then is not started; the counts and the reason say so."""
        parent = self.engine.trigger(Parent, {"count": 4, "level": 1, "span": 40, "child": {"waits": True}})
        self.engine.advance(50)
        self.assertEqual(len(self.children(parent)), 1)
        self.assertEqual(self.counts(parent), dict(self.counts(parent), cancelled=3, pending=1))
        self.assertIn("maintenance window", self.engine.output(parent)["reason"])
        done(self.engine.send(self.children(parent)[0], "go on"))
        self.assertEnded(self.engine, parent, PlanState.PAUSED, PlanResult.ERROR)

    def test_cancel_reaches_the_children(self) -> None:
        """Those under way are told, the others never begin, and the parent waits for the end of all.

        As with the reference, the parent passes it on, so only its own step counts.
        """
        parent = self.engine.trigger(Parent, {"count": 5, "level": 2, "child": {"waits": True}})
        self.assertEqual(self.engine.cancel(parent), 1)
        self.assertEqual(self.counts(parent), dict(self.counts(parent), cancelled=5, pending=0, failed=0, planned=2))
        self.assertEnded(self.engine, parent, PlanState.PAUSED, PlanResult.ERROR)
        self.assertTrue(self.engine.output(parent)["planned"])

    def test_cancelling_the_step_alone_reaches_the_children_too(self) -> None:
        """However the parent hears of it."""
        parent = self.engine.trigger(Parent, {"count": 2, "child": {"waits": True}})
        done(self.engine.send(parent, Cancel()))
        self.assertEqual(self.counts(parent)["cancelled"], 2)

    def test_children_that_ended_before_a_cancel_keep_their_counts(self) -> None:
        """Failed is failed, cancelled is cancelled (Dynflow #447)."""
        Child.fails = {0}
        parent = self.engine.trigger(Parent, {"count": 3, "child": {"waits": True}})
        self.engine.cancel(parent)
        self.assertEqual(self.counts(parent), dict(self.counts(parent), failed=1, cancelled=2))

    def test_polling(self) -> None:
        """Looks at its interval and not in between, after a restart as well."""
        parent = self.engine.trigger(Polling, {"count": 2, "child": {"waits": True}})
        for child in self.children(parent):
            done(self.engine.send(child, "go on"))
        self.engine.advance(9)
        self.assertEqual(self.engine.state(parent), PlanState.RUNNING)
        self.engine.advance(1)
        self.assertSucceeded(self.engine, parent)

    def test_polling_goes_on_after_a_crash(self) -> None:
        """With one series of looks, not two."""
        parent = self.engine.trigger(Polling, {"count": 1, "child": {"waits": True}})
        self.engine = self.engine.crash()
        self.engine.advance(30)
        self.assertEqual(len(self.engine.clock.getDelayedCalls()), 1)
        done(self.engine.send(self.children(parent)[0], "go on"))
        self.engine.advance(10)
        self.assertSucceeded(self.engine, parent)

    def test_a_parent_goes_on_after_a_crash(self) -> None:
        """It does not fail because its children are not done (spec 4.1), and starts none of them again."""
        parent = self.engine.trigger(Parent, {"count": 2, "child": {"waits": True}})
        self.engine = self.engine.crash()
        self.assertEqual(len(self.children(parent)), 2)
        for child in self.children(parent):
            done(self.engine.send(child, "go on"))
        self.assertSucceeded(self.engine, parent)

    def test_an_id_that_is_taken_fails_the_step(self) -> None:
        """The database refuses the children, so the parent's step fails; nothing is stuck or lost."""

        class Clumsy(Parent):
            def create_sub_plans(self) -> Iterable[SubPlanRequest]:
                yield self.sub_plan(Child, {"number": 0}, plan_id="taken")

        engine = Engine((*ACTIONS, Clumsy), database=self.engine.database.take_over())
        engine.trigger(Child, {"number": 7}, plan_id="taken")
        parent = engine.trigger(Clumsy, {"count": 1})
        self.assertEnded(engine, parent, PlanState.PAUSED, PlanResult.ERROR)
        self.assertIn("exists already", engine.errors(parent)[0])
        self.assertEqual(engine.plan("taken").plan.caller_plan_id, None)


class ThrottleTests(ActionTestCase):
    """How many may start."""

    def test_room(self) -> None:
        """The smaller of what both limits allow."""
        throttle = Throttle(level=3, span=60, count=6)
        self.assertEqual(throttle.room(under_way=0, started=0, elapsed=0), 3)
        self.assertEqual(throttle.room(under_way=3, started=3, elapsed=30), 0)
        self.assertEqual(throttle.room(under_way=0, started=3, elapsed=10), 1)
        self.assertIsNone(Throttle().room(under_way=9, started=9, elapsed=9))

    def test_json(self) -> None:
        """It comes back from an input as it was."""
        for throttle in (Throttle(), Throttle(3), Throttle(None, 60, 5), Throttle(2, 60, 5)):
            self.assertEqual(Throttle.from_json(throttle.to_json()), throttle)


class Late(Action):
    """Would like to do more when what it waited for has come."""

    waiting: ClassVar[list[Deferred[None]]] = []

    async def run(self) -> None:
        """Wait."""
        deferred: Deferred[None] = Deferred()
        self.waiting.append(deferred)
        await deferred
        self.start_plan(Child, {"number": 1})
        self.plan_event("more", 10)
        self.after_commit(lambda: self.waiting.append(Deferred()))


class HaltedTests(ActionTestCase):
    """Plans that were stopped by force."""

    def test_nothing_follows(self) -> None:
        """Code that was running is told nothing, but what it wants done is not done; how it came out is noted."""
        engine = Engine((Late, Child))
        plan = engine.trigger(Late)
        engine.halt(plan)
        Late.waiting.pop().callback(None)
        self.assertEnded(engine, plan, PlanState.STOPPED, PlanResult.SUCCESS)
        self.assertEqual(done(engine.database.query(lambda tx: plans.count(tx, None))), 1)
        self.assertEqual(done(engine.database.query(events.everything)), [])
        self.assertEqual(Late.waiting, [])


class Stubborn(Action):
    """Ends only when it is made to."""

    cancellable: ClassVar[bool] = True

    def run(self, event: Any = None) -> None:
        """Wait on, whatever comes."""
        self.output.setdefault("heard", []).append(type(event).__name__)
        if not isinstance(event, Abort):
            self.suspend()


class ForceTests(ActionTestCase):
    """Cancelling with and without force."""

    def test_force(self) -> None:
        """The action is told which of both it is."""
        engine = Engine([Stubborn])
        plan = engine.trigger(Stubborn)
        self.assertEqual((engine.cancel(plan), engine.state(plan)), (1, PlanState.RUNNING))
        self.assertEqual((engine.cancel(plan, force=True), engine.state(plan)), (1, PlanState.STOPPED))
        self.assertEqual(engine.output(plan)["heard"], ["NoneType", "Cancel", "Abort"])
