"""Lists in which tasks stand below those that launched them, and how many of these are in which state."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.query import NO_PARENT, TaskQuery
from smartdyn.model.views import ListedTask
from smartdyn.store import insight, listing, nesting
from smartdyn.store.cleaning import DeletePlans
from smartdyn.store.memory import MemoryDatabase
from smartdyn.testing import done
from tests.support.filling import Fill

FAMILY = {"g": None, "p": "g", "c": "p", "d": "g", "x": None}
"""A task, that which launched it, and that which launched that one; a sibling of the second, and one alone."""


class NestingTests(SynchronousTestCase):
    """L{nesting.nested}, L{insight.children_of}, and what happens to the tasks of one that is deleted."""

    def setUp(self) -> None:
        self.database = MemoryDatabase()

    def fill(self, parents: dict[str, str | None], result: str = "error") -> None:
        """Tasks that are over, each created a second after the one before."""
        self.store(
            [(plan, "stopped", result, float(number), None, parents[plan]) for number, plan in enumerate(parents)]
        )

    def store(self, rows: Sequence[tuple[str, str, str, float, float | None, str | None]]) -> None:
        """
        @param rows: ids, states, results, times of creation, of cancellation, and parents.
        """
        filled = [
            (plan, state, result, "A", None, at, cancelled, at, at, parent, None)
            for plan, state, result, at, cancelled, parent in rows
        ]
        done(self.database.commit(Fill(filled)))

    def shown(self, ids: Sequence[str], *opened: str) -> list[str]:
        """What stands where: an arrow for every task above, a question mark behind what was not listed itself."""
        return [f"{'>' * row.depth}{row.task.id}{'' if row.found else '?'}" for row in self.nested(ids, *opened)]

    def nested(self, ids: Sequence[str], *opened: str) -> tuple[ListedTask, ...]:
        known = done(self.database.query(lambda tx: listing.named(tx, ids)))
        tasks = [known[each] for each in ids]
        return done(self.database.query(lambda tx: nesting.nested(tx, tasks, opened)))

    def test_three_levels(self) -> None:
        """Nothing that was found is missing, whichever of those between the levels were found, too."""
        self.fill(FAMILY)
        self.assertEqual(self.shown(["x", "c", "g"]), ["x", "g", ">p?", ">>c"])
        self.assertEqual(self.shown(["d", "c"]), ["g?", ">d", ">p?", ">>c"])
        self.assertEqual(self.shown(["c", "p", "g", "d"]), ["g", ">p", ">>c", ">d"])

    def test_opened_in_a_search(self) -> None:
        """What is unfolded and was not found is said to be so, and what was found stays, however old it is."""
        self.fill(FAMILY)
        self.patch(nesting, "MOST_OPENED", 1)
        self.assertEqual(self.shown(["c", "g"], "g"), ["g", ">d?", ">p?", ">>c"])
        self.assertTrue(self.nested(["c", "g"], "g")[0].cut)

    def test_all_levels_can_be_opened(self) -> None:
        """However many tasks have launched one another."""
        chain: dict[str, str | None] = {"t0": None} | {f"t{number}": f"t{number - 1}" for number in range(1, 40)}
        self.fill(chain)
        self.assertEqual(len(self.shown(["t0"], *chain)), 40)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.booleans()), max_size=12))
    def test_each_once(self, tasks: list[tuple[int, bool, bool]]) -> None:
        """Whatever is listed and opened: each listed task stands there once, below its parent if that is there."""
        self.database = MemoryDatabase()
        parents = {f"t{number}": f"t{parent}" if parent < number else None for number, (parent, *_) in enumerate(tasks)}
        self.fill(parents)
        listed = [f"t{number}" for number, (_, is_listed, _) in enumerate(tasks) if is_listed]
        opened = [f"t{number}" for number, (*_, is_open) in enumerate(tasks) if is_open]
        rows = self.nested(listed, *opened)
        ids = [row.task.id for row in rows]
        self.assertEqual(len(ids), len({*ids}))
        self.assertEqual({row.task.id for row in rows if row.found}, {*listed})
        above: list[str] = []
        for row in rows:
            above = [*above[: row.depth], row.task.id]
            if row.depth:
                self.assertEqual(parents[row.task.id], above[row.depth - 1])

    def test_counts(self) -> None:
        """Of the tasks that one launched each is counted once: as cancelled also when it was before it had begun."""
        self.store(
            [
                ("p", "stopped", "success", 0.0, None, None),
                ("a", "stopped", "cancelled", 1.0, None, "p"),
                ("b", "stopped", "cancelled", 1.0, 2.0, "p"),
                ("c", "stopped", "error", 1.0, 2.0, "p"),
                ("d", "stopped", "error", 1.0, None, "p"),
                ("e", "stopped", "success", 1.0, 2.0, "p"),
                ("f", "running", "pending", 1.0, 2.0, "p"),
            ]
        )
        counts = done(self.database.query(lambda tx: insight.child_states(tx, "p")))
        self.assertEqual(
            {each.name: each.count for each in counts}, {"cancelled": 3, "error": 1, "success": 1, "running": 1}
        )
        self.assertEqual(self.nested(["p"])[0].below, tuple(counts))

    def test_what_is_left_of_a_deleted_task(self) -> None:
        """Tasks whose parent was deleted are among those that stand by themselves, so that no list is without them."""
        self.fill(FAMILY)
        done(self.database.commit(DeletePlans(["g"])))
        alone = TaskQuery(parent=NO_PARENT)
        found = done(self.database.query(lambda tx: listing.page(tx, alone, limit=9)))
        self.assertEqual([task.id for task in found], ["x", "d", "p"])
        self.assertEqual(self.shown(["x", "d", "p"], "p"), ["x", "d", "p", ">c?"])
