"""How the engine's own questions, which it asks again and again, are answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.store import callbacks, cleaning, plans
from smartdyn.store.memory import MemoryDatabase
from smartdyn.testing import done
from tests.unit.store.test_listing import Explaining


class EngineQueryTests(SynchronousTestCase):
    """Their ways through the database."""

    def explain(self, ask: Callable[[Any], object]) -> list[str]:
        """SQLite's plan for all that is asked."""
        steps: list[str] = []

        def read(tx: sqlite3.Cursor) -> None:
            ask(Explaining(tx, steps))

        done(MemoryDatabase().query(read))
        return steps

    def test_unfinished(self) -> None:
        """A start looks at what is not over, not at a million tasks that are."""
        self.assertEqual(self.explain(plans.unfinished)[0], "SEARCH plans USING INDEX plans_by_state (state=?)")

    def test_what_is_over(self) -> None:
        """The cleaner goes from the oldest end on as far as it needs, and for each plan to its own callbacks."""
        steps = self.explain(lambda tx: cleaning.over(tx, 1.0, 5))
        self.assertEqual(steps[0], "SEARCH plan USING INDEX plans_by_end (ended_at<?)")
        looked = [step for step in steps if "SEARCH callbacks" in step]
        self.assertEqual({step.rpartition(" (")[2] for step in looked}, {"plan_id=?)"})
        self.assertFalse([step for step in steps if "TEMP B-TREE" in step])

    def test_due_callbacks(self) -> None:
        """With Foreman away, thousands of callbacks that wait for their next attempt are not read each time."""
        steps = self.explain(lambda tx: (callbacks.due(tx, 1.0, 5), callbacks.next_due_at(tx, 1.0)))
        self.assertEqual({step.split(" (")[0] for step in steps}, {"SEARCH callbacks USING INDEX callbacks_due"})

    def test_sub_plans(self) -> None:
        """A parent looks at its own plans."""
        for ask in (plans.sub_plan_counts, plans.uncancelled_children):
            steps = self.explain(lambda tx, ask=ask: ask(tx, "p", 1))  # type: ignore[misc]
            self.assertEqual(steps[0], "SEARCH plans USING INDEX plans_by_parent (caller_plan_id=?)")
