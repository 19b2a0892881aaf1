"""What is deleted, what is kept, and where it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from smartdyn.actions.action import Action
from smartdyn.actions.callback import Callback, CallbackSender
from smartdyn.actions.sub_plans import WithSubPlans
from smartdyn.engine.cleaner import Cleaner, Retention
from smartdyn.errors import PlanNotFound, StoreError
from smartdyn.model.records import Delay
from smartdyn.model.states import PlanState
from smartdyn.secret import Secret
from smartdyn.store import cleaning
from smartdyn.store.callbacks import MarkDelivered, ParkCallback
from smartdyn.store.cleaning import DeletePlans
from smartdyn.testing import ActionTestCase, Engine, done

TABLES = (
    "plans",
    "steps",
    "actions",
    "output_chunks",
    "callbacks",
    "sealed_secrets",
    "planned_events",
    "delayed_plans",
)


class Work(Action):
    """Waits, fails or is done."""

    def run(self, event: Any = None) -> None:
        """Do as told."""
        self.output["blob"] = "x" * self.input.get("size", 0)
        if self.input.get("fails"):
            self.error("failed")
        if event is None and self.input.get("waits"):
            self.plan_event("late", 10_000)
            self.suspend()


class Reported(Work):
    """Is reported to Foreman."""

    def plan(self, input: dict[str, Any]) -> None:
        """With a callback."""
        self.plan_self(input)
        self.plan_action(Callback, {"task_id": "t"}, self.output)


class Parent(WithSubPlans):
    """Has a child."""

    def create_sub_plans(self) -> Any:
        """One that is done, one that waits."""
        return [self.sub_plan(Work, {}), self.sub_plan(Work, {"waits": True})]


class CleanerTests(ActionTestCase):
    """L{Cleaner}."""

    sender: ClassVar[CallbackSender] = CallbackSender(lambda: None)

    def setUp(self) -> None:
        self.engine = Engine((Work, Reported, Callback, Parent), resources={CallbackSender: self.sender})

    def clean(self, **retention: Any) -> int:
        """Clean up."""
        cleaner = Cleaner(self.engine.clock, self.engine.clock.seconds, self.engine.database, Retention(**retention))
        return done(cleaner.clean())

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {
            table: done(
                self.engine.database.query(
                    lambda tx, table=table: tx.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[misc]
                )
            )
            for table in TABLES
        }

    def exists(self, plan: str) -> bool:
        """Is it still there?"""
        try:
            self.engine.plan(plan)
        except PlanNotFound:
            return False
        return True

    def test_old_plans_go_with_everything(self) -> None:
        """Those that ended long enough ago; nothing of them is left."""
        self.engine.trigger(Work, {"password": Secret("x")})
        self.engine.advance(10)
        young = self.engine.trigger(Work, {})
        self.assertEqual(self.clean(age=5), 1)
        self.assertTrue(self.exists(young))
        self.engine.advance(10)
        self.assertEqual(self.clean(age=5), 1)
        self.assertEqual(set(self.rows().values()), {0}, self.rows())

    def test_what_is_not_over_stays(self) -> None:
        """Running, paused and scheduled plans, however old."""
        plans = [
            self.engine.trigger(Work, {"waits": True}),
            self.engine.trigger(Work, {"fails": True}),
            self.engine.delay(Work, {}, delay=Delay(frozen=True)),
        ]
        self.engine.advance(1000)
        self.assertEqual(self.clean(age=5), 0)
        self.assertTrue(all(map(self.exists, plans)))

    def test_halted_and_cancelled_ones_go(self) -> None:
        """However a plan came to its end."""
        self.engine.halt(self.engine.trigger(Work, {"waits": True}))
        self.engine.cancel(self.engine.delay(Work, {}, delay=Delay(frozen=True)))
        self.engine.advance(10)
        self.assertEqual(self.clean(age=5), 2)
        self.assertEqual(set(self.rows().values()), {0}, self.rows())

    def test_what_foreman_was_not_told_of_stays(self) -> None:
        """Until it was, and then as long as others stay after their end; or until it is clear that it will not hear."""
        first, second = self.engine.trigger(Reported, {}), self.engine.trigger(Reported, {})
        self.engine.advance(1000)
        self.assertEqual(self.clean(age=5, size=0), 0)
        now = self.engine.clock.seconds()
        done(self.engine.database.commit(MarkDelivered(1, now), ParkCallback(2, "no")))
        self.assertEqual(self.clean(age=5), 1)
        self.engine.advance(5)
        self.assertEqual(self.clean(age=5), 1)
        self.assertFalse(self.exists(first) or self.exists(second))

    def test_children_stay_with_their_parents(self) -> None:
        """The counts of a parent stay true while it is there."""
        parent = self.engine.trigger(Parent, {})
        self.engine.advance(1000)
        self.assertEqual(self.clean(age=5), 0)
        self.engine.cancel(parent)
        self.engine.halt(parent)
        self.engine.advance(1000)
        self.assertEqual(self.clean(age=5), 2)

    def test_prerequisites_stay(self) -> None:
        """As long as somebody waits for their result."""
        first = self.engine.trigger(Work, {})
        waiting = self.engine.delay(Work, {}, delay=Delay(frozen=True, after=(first,)))
        self.engine.advance(1000)
        self.assertEqual(self.clean(age=5), 0)
        done(self.engine.world.delayed.set_frozen(waiting, False))
        self.engine.advance(1000)
        self.assertEqual(self.clean(age=5), 2)

    def test_size(self) -> None:
        """The oldest go first, and only as many as needed."""
        plans = []
        for _ in range(300):
            plans.append(self.engine.trigger(Work, {"size": 10_000}))
            self.engine.advance(1)
        full = done(self.engine.database.query(cleaning.size))
        self.assertEqual(self.clean(age=None, size=full - 500_000), 100)
        self.assertEqual([self.exists(plan) for plan in plans], [False] * 100 + [True] * 200)
        self.assertLess(done(self.engine.database.query(cleaning.size)), full - 500_000)

    def test_a_size_that_cannot_be_had(self) -> None:
        """What is under way stays; cleaning comes to an end all the same."""
        self.engine.trigger(Work, {"waits": True})
        self.assertEqual(self.clean(age=None, size=1), 0)

    def test_archive(self) -> None:
        """Everything but the secrets is in the file before it is deleted."""
        folder = Path(self.mktemp())
        plan = self.engine.trigger(Work, {"name": "höst", "password": Secret("hunter2")})
        self.engine.advance(10)
        self.clean(age=5, archive=folder)
        (path,) = folder.iterdir()
        self.assertEqual((path.name, path.stat().st_mode & 0o777), ("plans-20261123.jsonl", 0o600))
        self.assertNotIn("hunter2", path.read_text())
        kept = json.loads(path.read_text())
        self.assertEqual((kept["id"], kept["state"], kept["actions"][0]["input"]["name"]), (plan, "stopped", "höst"))
        self.assertEqual([step["state"] for step in kept["steps"]], ["success", "success"])

    def test_what_cannot_be_archived_is_not_deleted(self) -> None:
        """The file comes first."""
        blocked = Path(self.mktemp())
        blocked.write_text("")
        plan = self.engine.trigger(Work, {})
        self.engine.advance(10)
        with self.assertRaises(OSError):
            self.clean(age=5, archive=blocked)
        self.assertTrue(self.exists(plan))

    def test_nobody_named_nobody_deleted(self) -> None:
        """An empty list deletes nothing, and no list deletes what is not over (Dynflow #244)."""
        plan = self.engine.trigger(Work, {"waits": True})
        done(self.engine.database.commit(DeletePlans([]), DeletePlans([plan])))
        self.assertEqual(self.engine.state(plan), PlanState.RUNNING)

    def test_it_runs_by_itself(self) -> None:
        """And goes on after a failure."""
        self.engine.trigger(Work, {})
        cleaner = Cleaner(self.engine.clock, self.engine.clock.seconds, self.engine.database, Retention(age=100))
        cleaner.startService()
        self.engine.advance(59)
        self.engine.database.fail_next(StoreError("full"))
        self.engine.advance(62)
        self.assertEqual(self.rows()["plans"], 1)
        self.assertEqual(len(self.flushLoggedErrors(StoreError)), 1)
        self.engine.advance(60)
        self.assertEqual(self.rows()["plans"], 0)
        self.successResultOf(cleaner.stopService())
