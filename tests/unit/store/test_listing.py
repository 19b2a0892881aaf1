"""Lists of plans: searches, pages, and the indexes they go along."""

from __future__ import annotations

import fnmatch
import re
import sqlite3
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.order import NEWEST, Order, Place, SortKey
from smartdyn.model.query import NO_PARENT, TaskQuery, parse
from smartdyn.model.views import TaskSummary
from smartdyn.store import grouping, listing, names, sorting, walks
from smartdyn.store.cleaning import DeletePlans
from smartdyn.store.memory import MemoryDatabase
from smartdyn.testing import done
from tests.support.filling import Fill, queue_of

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
    "parent:none",
    "parent:none result:error",
    "parent:none label:A",
    "id:p001",
    "request:r001",
    "queue:slow",
    "queue:default state:failed",
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
SORTED = 10
"""Ways of these to few rows that are then sorted: by the two words' ids, an id, a request, a queue, a text, twice by an
end of late and twice by a cause."""


TWO = [
    ("p1", "stopped", "success", "A", "web1", 1.0, None, 2.0, 1.5, None, "r0011"),
    ("p2", "running", "pending", "B", "db", 2.0, None, None, 2.5, "p1", None),
]


SOME_TASK = TaskSummary("p", "A", "stopped", "success", "web1", 1.0, 1.0, 2.0, None)


class Explaining:
    """A cursor that notes how each query is done."""

    def __init__(self, tx: sqlite3.Cursor, plans: list[str]) -> None:
        self._tx = tx
        self._plans = plans

    def execute(self, statement: str, parameters: Any = ()) -> Any:
        """Note it and do it."""
        explained = (row[3] for row in self._tx.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
        # SQLite 3.34 writes SEARCH TABLE plans, later ones SEARCH plans
        self._plans.extend(plan.replace(" TABLE ", " ", 1) for plan in explained)
        return self._tx.execute(statement, parameters)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(STATES),
        st.sampled_from(RESULTS),
        st.sampled_from(("A", "x::A", "B", None)),
        st.sampled_from(("h1", "h2", None)),
        st.integers(0, 5).map(float),
        st.sampled_from((None, 1.0)),
        st.sampled_from((6.0, 7.0, 8.0, 9.0, 9.0, None)),
        st.sampled_from((5.0, 5.5, None)),
        st.sampled_from(("p000", "p001", "gone", None)),
        st.sampled_from(("r0011", "r0012", "R002", None)),
    ),
    max_size=30,
)
ORDERS = st.builds(Order, st.sampled_from(SortKey), st.booleans())
QUERIES = st.builds(
    TaskQuery,
    states=st.lists(st.sampled_from((*STATES, "failed", "cancelled")), unique=True).map(tuple),
    results=st.lists(st.sampled_from(RESULTS), unique=True).map(tuple),
    labels=st.sampled_from(((), ("A",), ("x::A",), ("a", "B*"))),
    hosts=st.sampled_from(((), ("h1",), ("H*",), ("h1", "h2"), ("nope",))),
    since=st.sampled_from((2.0, None)),
    until=st.sampled_from((4.0, None)),
    ended=st.sampled_from((7.0, None)),
    ids=st.sampled_from(((), (), ("p00",), ("p001", "P002"))),
    requests=st.sampled_from(((), (), ("r001",), ("r0012", "R002"))),
    queues=st.sampled_from(((), (), ("slow",), ("default",), ("slow", "default"))),
    parent=st.sampled_from((None, None, NO_PARENT, "p000")),
    words=st.sampled_from(((), ("h1",), ("p00",), ("p001",), ("x::",), ("h", "A"))),
)


def is_wanted(plan: tuple[Any, ...], wanted: TaskQuery) -> bool:
    """What a search means, said once more and without indexes."""
    id, state, result, label, host, created_at, cancelled_at, ended_at, _, parent, request = plan
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
        and (not wanted.ids or any(id.startswith(each.lower()) for each in wanted.ids))
        and (not wanted.requests or any((request or "").startswith(each) for each in wanted.requests))
        and (not wanted.queues or (queue_of(plan) or "default") in wanted.queues)
        and (wanted.parent is None or parent == (None if wanted.parent == NO_PARENT else wanted.parent))
        and (wanted.since is None or created_at >= wanted.since)
        and (wanted.until is None or created_at < wanted.until)
        and (wanted.ended is None or (state == "stopped" and ended_at is not None and ended_at >= wanted.ended))
        and all(
            _like(label, f"*{word}*") or _like(host, f"*{word}*") or (len(word) > 3 and id.startswith(word))
            for word in wanted.words
        )
    )


def _like(name: str | None, pattern: str) -> bool:
    return name is not None and fnmatch.fnmatchcase(name.lower(), pattern.lower())


def in_order(plans: list[tuple[Any, ...]], order: Order) -> list[str]:
    """The ids of plans in an order, said once more and without indexes."""
    newest = sorted(plans, key=lambda plan: (plan[5], plan[0]), reverse=True)
    if order.key is SortKey.CREATED:
        return [plan[0] for plan in (newest if order.descending else reversed(newest))]
    values = {plan[0]: value_of(plan, order.key) for plan in plans}
    known = [plan[0] for plan in newest if values[plan[0]] is not None]
    unknown = [plan[0] for plan in newest if values[plan[0]] is None]
    return [*sorted(known, key=values.__getitem__, reverse=order.descending), *unknown]


def value_of(plan: tuple[Any, ...], key: SortKey) -> Any:
    """What a plan is sorted by."""
    _, state, result, label, host, _, cancelled_at, ended_at, started_at, _, _ = plan
    over = state == "stopped"
    result = "cancelled" if cancelled_at is not None and result != "success" else result
    attention = ("error", "paused", "running", "cancelled", "pending", "success")
    return {
        SortKey.LABEL: label,
        SortKey.HOST: host,
        SortKey.STATE: attention.index(result if over else state),
        SortKey.STARTED: started_at,
        SortKey.ENDED: ended_at if over else None,
        SortKey.TOOK: ended_at - started_at if over and None not in {started_at, ended_at} else None,
    }[key]


class ListingTests(SynchronousTestCase):
    """L{listing.page}."""

    @settings(max_examples=200, deadline=None)
    @given(rows=ROWS, wanted=QUERIES, order=ORDERS, size=st.integers(1, 7), few=st.booleans())
    def test_pages_add_up(
        self, rows: list[tuple[Any, ...]], wanted: TaskQuery, order: Order, size: int, few: bool
    ) -> None:
        """All pages together hold exactly the plans that are wanted, in the order that is wanted, each once."""
        if not few:
            self.patch(walks, "FEW_ENDS", 2)
            self.patch(walks, "FEW", 2)
            self.patch(sorting, "MOST_SORTED", 2)
            self.patch(grouping, "MOST_HOSTS", size % 2)
        database = MemoryDatabase()
        plans = [(f"p{number:03}", *row) for number, row in enumerate(rows)]
        done(database.commit(Fill(plans)))
        chosen = [plan for plan in plans if is_wanted(plan, wanted)]
        newest = [plan[0] for plan in sorted(chosen, key=lambda plan: (plan[5], plan[0]), reverse=True)]
        found: list[str] = []
        before: Place | None = None
        while True:
            page = done(database.query(lambda tx, at=before: listing.page(tx, wanted, order, before=at, limit=size)))  # type: ignore[misc]
            if not page:
                break
            found.extend(task.id for task in page)
            before = order.place_of(page[-1])
        self.assertEqual(found, in_order(chosen, order))
        self.assertEqual(done(database.query(lambda tx: listing.ids(tx, wanted, limit=99))), newest)
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
        self.patch(walks, "FEW_ENDS", 0)
        self.assertEqual(self.explained(searches).count(SORT), 0)

    def test_no_order_sorts_everything(self) -> None:
        """Whatever many plans are sorted by, a page of them is found along an index; only what is over and has no
        end is sorted, which is next to nothing."""
        self.patch(sorting, "MOST_SORTED", -1)
        orders = [Order(key, descending) for key in SortKey for descending in (True, False)]
        plans = self.explained(("", "state:failed", "label:A"), orders)
        self.assertEqual([plan for plan in plans if re.match(r"SCAN plans(?! USING INDEX)", plan)], [])
        ways = [plan for plan in plans if "plans" in plan or plan == SORT]
        self.assertEqual([way for way, then in pairwise(ways) if then == SORT and "plans_by_end" not in way], [])
        self.assertIn("SEARCH plans USING INDEX plans_by_duration (<expr><?)", plans)

    def explained(self, searches: Sequence[str], orders: Sequence[Order] = (NEWEST,)) -> list[str]:
        """How first pages and later ones of searches are found."""
        database = MemoryDatabase()
        done(database.commit(Fill(TWO)))
        plans: list[str] = []
        wanted = [parse(text, 1e9) for text in searches]

        def explain(tx: sqlite3.Cursor) -> None:
            tx.execute("INSERT INTO digests (plan_id, ended_at, cause) VALUES ('p1', 2.0, 'unreachable')")
            explaining: Any = Explaining(tx, plans)
            for each, order in product(wanted, orders):
                for before in (None, order.place_of(SOME_TASK)):
                    listing.page(explaining, each, order, before=before, limit=5)

        done(database.query(explain))
        done(database.close())
        return plans
