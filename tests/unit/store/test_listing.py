"""Lists of plans: searches, pages, and the indexes they go along."""

from __future__ import annotations

import fnmatch
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.query import TaskQuery, parse
from smartdyn.store import listing, names
from smartdyn.store.cleaning import DeletePlans
from smartdyn.store.memory import MemoryDatabase
from smartdyn.testing import done

STATES = ("running", "stopped", "paused")
RESULTS = ("success", "error", "pending", "cancelled")


SEARCHES = (
    "",
    "state:running state:paused",
    "state:failed",
    "state:cancelled",
    "state:stopped result:error",
    "label:A state:stopped",
    "host:db",
    "host:web*",
    "parent:p",
    "cause:unreachable",
    "cause:unreachable result:success",
    "cause:unreachable ended:1h",
    "ended:1h",
    "since:2h until:1h",
    "web1",
    "nope nope2",
    "text:word",
)
SORT = "USE TEMP B-TREE FOR ORDER BY"
SORTED = 5
"""Ways of these to few rows that are then sorted: by the two words' ids, by a text, and twice by an end of late."""


TWO = [
    ("p1", "stopped", "success", "A", "web1", 1.0, None, 2.0),
    ("p2", "running", "pending", "B", "db", 2.0, None, None),
]


class Fill:
    """Stores bare plans."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Insert them."""
        tx.executemany(
            "INSERT INTO plans (id, state, result, label, host, created_at, cancel_requested_at, ended_at,"
            " run_flow, finalize_flow, step_ids, history) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', '[]', '[]', '[]')",
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
        st.sampled_from(("A", "x::A", "B", None)),
        st.sampled_from(("h1", "h2", None)),
        st.integers(0, 5).map(float),
        st.sampled_from((None, 1.0)),
        st.integers(6, 9).map(float),
    ),
    max_size=30,
)
QUERIES = st.builds(
    TaskQuery,
    states=st.lists(st.sampled_from((*STATES, "failed", "cancelled")), unique=True).map(tuple),
    results=st.lists(st.sampled_from(RESULTS), unique=True).map(tuple),
    labels=st.sampled_from(((), ("A",), ("x::A",), ("a", "B*"))),
    hosts=st.sampled_from(((), ("h1",), ("H*",), ("h1", "h2"), ("nope",))),
    since=st.sampled_from((2.0, None)),
    until=st.sampled_from((4.0, None)),
    ended=st.sampled_from((7.0, None)),
    words=st.sampled_from(((), ("h1",), ("p00",), ("p001",), ("x::",), ("h", "A"))),
)


def is_wanted(plan: tuple[Any, ...], wanted: TaskQuery) -> bool:
    """What a search means, said once more and without indexes."""
    id, state, result, label, host, created_at, cancelled_at, ended_at = plan
    kinds = {state}
    if state == "stopped" and (result == "cancelled" or (cancelled_at is not None and result != "success")):
        kinds.add("cancelled")
    elif state == "stopped" and result in ("error", "warning"):
        kinds.add("failed")
    return (
        (not wanted.states or bool(kinds & {*wanted.states}))
        and (not wanted.results or result in wanted.results)
        and (not wanted.labels or any(_like(label, name) or _like(label, f"*::{name}") for name in wanted.labels))
        and (not wanted.hosts or any(_like(host, name) for name in wanted.hosts))
        and (wanted.since is None or created_at >= wanted.since)
        and (wanted.until is None or created_at < wanted.until)
        and (wanted.ended is None or (state == "stopped" and ended_at >= wanted.ended))
        and all(
            _like(label, f"*{word}*") or _like(host, f"*{word}*") or (len(word) > 3 and id.startswith(word))
            for word in wanted.words
        )
    )


def _like(name: str | None, pattern: str) -> bool:
    return name is not None and fnmatch.fnmatchcase(name.lower(), pattern.lower())


class ListingTests(SynchronousTestCase):
    """L{listing.page}."""

    @settings(max_examples=150, deadline=None)
    @given(rows=ROWS, wanted=QUERIES, size=st.integers(1, 7), few=st.sampled_from((2, listing.FEW_ENDS)))
    def test_pages_add_up(self, rows: list[tuple[Any, ...]], wanted: TaskQuery, size: int, few: int) -> None:
        """All pages together hold exactly the plans that are wanted, newest first, each once."""
        self.patch(listing, "FEW_ENDS", few)
        database = MemoryDatabase()
        plans = [(f"p{number:03}", *row) for number, row in enumerate(rows)]
        done(database.commit(Fill(plans)))
        ordered = sorted(plans, key=lambda plan: (plan[5], plan[0]), reverse=True)
        expected = [plan[0] for plan in ordered if is_wanted(plan, wanted)]
        found: list[str] = []
        before: tuple[float, str] | None = None
        while True:
            page = done(database.query(lambda tx, at=before: listing.page(tx, wanted, before=at, limit=size)))  # type: ignore[misc]
            if not page:
                break
            found.extend(task.id for task in page)
            before = (page[-1].created_at, page[-1].id)
        self.assertEqual(found, expected)
        self.assertEqual(done(database.query(lambda tx: listing.ids(tx, wanted, limit=99))), expected)
        done(database.close())

    def test_names_come_and_go(self) -> None:
        """A host is known by name as long as there is a task of it."""
        database = MemoryDatabase()
        done(database.commit(Fill(TWO)))

        def known(kind: str) -> list[str]:
            return done(database.query(lambda tx: names.matching(tx, kind, ["%"])))

        self.assertEqual((known("host"), known("label")), (["db", "web1"], ["A", "B"]))
        done(database.commit(DeletePlans(["p1"])))
        self.assertEqual((known("host"), known("label")), (["db"], ["B"]))

    def test_no_list_reads_everything(self) -> None:
        """Each filter goes along an index in the order that is wanted: neither a scan nor a sort of it all."""
        plans = self.explained(SEARCHES)
        self.assertEqual([plan for plan in plans if re.match(r"SCAN plans(?! USING INDEX)", plan)], [])
        self.assertEqual(plans.count(SORT), 2 * SORTED)

    def test_many_ends_are_not_sorted(self) -> None:
        """Where more plans ended than are quickly sorted, with a cause or any, the newest are found without sorting."""
        searches = ("ended:@0", "cause:unreachable ended:@0")
        self.assertEqual(self.explained(searches).count(SORT), 2 * len(searches))
        self.patch(listing, "FEW_ENDS", 0)
        self.assertEqual(self.explained(searches).count(SORT), 0)

    def explained(self, searches: Sequence[str]) -> list[str]:
        """How first pages and later ones of searches are found."""
        database = MemoryDatabase()
        done(database.commit(Fill(TWO)))
        plans: list[str] = []
        wanted = [parse(text, 1e9) for text in searches]

        def explain(tx: sqlite3.Cursor) -> None:
            tx.execute("INSERT INTO digests (plan_id, ended_at, cause) VALUES ('p1', 2.0, 'unreachable')")
            explaining: Any = Explaining(tx, plans)
            for each in wanted:
                for before in (None, (1.0, "p")):
                    listing.page(explaining, each, before=before, limit=5)

        done(database.query(explain))
        done(database.close())
        return plans
