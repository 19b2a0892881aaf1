"""Lists of plans: searched for, sorted, a page at a time, as fast with a million plans as with ten.

A page begins where the one before ended (keyset), so no rows are skipped over. A search goes along one index, or a few
of which the finds are merged; which these are decides only how long it takes: every row is looked at with all
conditions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from smartdyn.model.order import NEWEST, Order, Place, SortKey
from smartdyn.model.query import TaskQuery
from smartdyn.model.views import TaskSummary
from smartdyn.store import by_creation, sorting
from smartdyn.store.by_creation import SUMMARY_COLUMNS
from smartdyn.store.conditions import conditions
from smartdyn.store.json import dumps
from smartdyn.store.walks import walks

_NAMED = f"SELECT {SUMMARY_COLUMNS} FROM plans WHERE id IN (SELECT value FROM json_each(?))"


def page(
    tx: sqlite3.Cursor, wanted: TaskQuery, order: Order = NEWEST, *, before: Place | None = None, limit: int
) -> list[TaskSummary]:
    """The first plans in an order that C{wanted} lets through.

    @param before: the last of the page before.
    """
    if order.key is not SortKey.CREATED:
        return sorting.page(tx, wanted, order, before, limit)
    ways = walks(tx, wanted)
    return by_creation.summaries(tx, ways, conditions(wanted), before=before, limit=limit, descending=order.descending)


def ids(tx: sqlite3.Cursor, wanted: TaskQuery, *, limit: int) -> list[str]:
    """The ids of the newest plans that C{wanted} lets through."""
    return by_creation.ids(tx, walks(tx, wanted), conditions(wanted), limit=limit)


def named(tx: sqlite3.Cursor, plan_ids: Iterable[str]) -> dict[str, TaskSummary]:
    """The plans with these ids that exist."""
    found = (by_creation.summary(row) for row in tx.execute(_NAMED, (dumps(list(plan_ids)),)))
    return {task.id: task for task in found}
