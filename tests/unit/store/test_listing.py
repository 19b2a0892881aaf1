"""Lists of plans: filters, pages, and the indexes they go along."""

from __future__ import annotations

import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.views import TaskFilter
from smartdyn.store import listing
from smartdyn.store.memory import MemoryDatabase
from smartdyn.testing import done

STATES = ("running", "stopped", "paused")
RESULTS = ("success", "error", "pending")


class Fill:
    """Stores bare plans."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Insert them."""
        tx.executemany(
            "INSERT INTO plans (id, state, result, label, host, created_at, run_flow, finalize_flow, step_ids, history)"
            " VALUES (?, ?, ?, ?, ?, ?, '[]', '[]', '[]', '[]')",
            self.rows,
        )


class Explaining:
    """A cursor that notes how each query is done."""

    def __init__(self, tx: sqlite3.Cursor, plans: list[str]) -> None:
        self._tx = tx
        self._plans = plans

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        """Note it and do it."""
        self._plans.extend(row[3] for row in self._tx.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
        return self._tx.execute(statement, parameters)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(STATES),
        st.sampled_from(RESULTS),
        st.sampled_from(("A", "B")),
        st.sampled_from(("h1", "h2", None)),
        st.integers(0, 5).map(float),
    ),
    max_size=30,
)
FILTERS = st.builds(
    TaskFilter,
    states=st.lists(st.sampled_from(STATES), unique=True).map(tuple),
    results=st.lists(st.sampled_from(RESULTS), unique=True).map(tuple),
    label=st.sampled_from(("A", None)),
    host=st.sampled_from(("h1", None)),
    since=st.sampled_from((2.0, None)),
    until=st.sampled_from((4.0, None)),
)


class ListingTests(SynchronousTestCase):
    """L{listing.page}."""

    @settings(max_examples=80, deadline=None)
    @given(rows=ROWS, wanted=FILTERS, size=st.integers(1, 7))
    def test_pages_add_up(self, rows: list[tuple[Any, ...]], wanted: TaskFilter, size: int) -> None:
        """All pages together hold exactly the plans that are wanted, newest first, each once."""
        database = MemoryDatabase()
        plans = [(f"p{number:03}", *row) for number, row in enumerate(rows)]
        done(database.commit(Fill(plans)))
        expected = [
            plan[0]
            for plan in sorted(plans, key=lambda plan: (plan[5], plan[0]), reverse=True)
            if (not wanted.states or plan[1] in wanted.states)
            and (not wanted.results or plan[2] in wanted.results)
            and wanted.label in (None, plan[3])
            and wanted.host in (None, plan[4])
            and (wanted.since is None or plan[5] >= wanted.since)
            and (wanted.until is None or plan[5] < wanted.until)
        ]
        found: list[str] = []
        before: tuple[float, str] | None = None
        while True:
            page = done(database.query(lambda tx, at=before: listing.page(tx, wanted, before=at, limit=size)))  # type: ignore[misc]
            if not page:
                break
            found.extend(task.id for task in page)
            before = (page[-1].created_at, page[-1].id)
        self.assertEqual(found, expected)
        done(database.close())

    def test_no_list_reads_everything(self) -> None:
        """Each filter goes along an index in the order that is wanted: neither a scan nor a sort of it all."""
        database = MemoryDatabase()
        plans: list[str] = []
        wanted = (
            TaskFilter(),
            TaskFilter(states=("running", "paused")),
            TaskFilter(states=("stopped",), results=("error",)),
            TaskFilter(label="A", states=("stopped",)),
            TaskFilter(host="h"),
            TaskFilter(since=1.0, until=2.0),
        )

        def explain(tx: sqlite3.Cursor) -> None:
            explaining: Any = Explaining(tx, plans)
            for each in wanted:
                for before in (None, (1.0, "p")):
                    listing.page(explaining, each, before=before, limit=5)

        done(database.query(explain))
        self.assertTrue(plans)
        self.assertEqual([plan for plan in plans if plan.startswith("SCAN") and "USING INDEX" not in plan], [])
        self.assertEqual([plan for plan in plans if "TEMP B-TREE FOR ORDER BY" in plan], [])
