"""Orders of tasks and places in them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import InvalidRequest
from smartdyn.model.order import NEWEST, STATE_RANKS, Order, SortKey, order, place
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.model.views import TaskSummary

ORDERS = st.builds(Order, st.sampled_from(SortKey), st.booleans())
TIMES = st.floats(0, 1e11)
TASKS = st.builds(
    TaskSummary,
    id=st.text(),
    label=st.none() | st.text(),
    state=st.sampled_from([str(state) for state in PlanState]),
    result=st.sampled_from([str(result) for result in PlanResult]),
    host=st.none() | st.text(),
    created_at=TIMES,
    started_at=st.none() | TIMES,
    ended_at=st.none() | TIMES,
    parent_id=st.none(),
)


class OrderTests(SynchronousTestCase):
    """L{order} and L{place}."""

    @given(ORDERS)
    def test_an_order_comes_back(self, wanted: Order) -> None:
        """What an order is called in an address leads to it again."""
        self.assertEqual(order(str(wanted)), wanted)

    def test_without_a_name(self) -> None:
        """Tasks are listed newest first when nothing else is said."""
        self.assertEqual(order(""), NEWEST)

    def test_unknown_orders(self) -> None:
        """What cannot be sorted by is refused, with what can."""
        for text in ("size", "-", "--created", "created desc"):
            error = self.assertRaises(InvalidRequest, order, text)
            self.assertIn("created, started, ended, took, label, state, host", str(error))

    @given(TASKS, ORDERS)
    def test_a_place_comes_back(self, task: TaskSummary, wanted: Order) -> None:
        """Where a page ends can stand in an address, whatever the task is called, to the last digit of its time."""
        found = wanted.place_of(task)
        self.assertEqual(place(str(found), wanted), found)
        self.assertRegex(str(found), r"\A[A-Za-z0-9_-]+\Z")

    @given(st.text() | st.binary().map(lambda body: body.decode("latin-1")), ORDERS)
    def test_places_that_are_none(self, text: str, wanted: Order) -> None:
        """What came from no page leads to none, and to no other error."""
        self.assertRaises(InvalidRequest, place, text, wanted)

    def test_places_with_impossible_values(self) -> None:
        """A place that somebody has made up is refused before the database is asked for it."""
        for value, sort in ((2**63, "took"), (99, "state"), (-1, "state"), (1e400, "took"), ("\ud800", "host")):
            made_up = urlsafe_b64encode(json.dumps([1.0, "p", value]).encode()).decode().rstrip("=")
            try:
                found = place(made_up, order(sort)).value
            except InvalidRequest:
                continue
            self.assertEqual((found, type(found)), (float(value), float))

    def test_places_of_other_orders(self) -> None:
        """A place in one order is none in another that sorts by something else."""
        task = TaskSummary("p", "A", "stopped", "success", "web1", 1.0, 1.0, 2.0, None)
        for given_, wanted in (("-took", "label"), ("label", "took"), ("-created", "state"), ("host", "-created")):
            self.assertRaises(InvalidRequest, place, str(order(given_).place_of(task)), order(wanted))

    def test_each_state_has_its_rank(self) -> None:
        """There is no state of a task that cannot be sorted by, and what needs somebody comes before what went well."""
        for state, result in product(PlanState, PlanResult):
            task = TaskSummary("p", None, str(state), str(result), None, 1.0, None, None, None)
            self.assertIsInstance(Order(SortKey.STATE).value_of(task), int)
        self.assertEqual(STATE_RANKS[0], (PlanState.STOPPED, PlanResult.ERROR))
        self.assertEqual(STATE_RANKS[-1], (PlanState.STOPPED, PlanResult.SUCCESS))
