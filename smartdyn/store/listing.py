"""Lists of plans: filtered, newest first, a page at a time, as fast with a million plans as with ten.

A page begins where the one before ended (keyset), so no rows are skipped over. Each query goes along one index in the
order of creation; where several states or results are wanted, there is a query for each, and what they find is merged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any

from smartdyn.model.states import PlanResult, PlanState
from smartdyn.model.views import TaskFilter, TaskSummary

SUMMARY_COLUMNS = "id, label, state, result, host, created_at, started_at, ended_at, caller_plan_id"
_CONDITIONS = {
    "state": "state = :state",
    "result": "result = :result",
    "label": "label = :label",
    "host": "host = :host",
    "since": "created_at >= :since",
    "until": "created_at < :until",
    "before": "(created_at, id) < (:before_at, :before_id)",
}
_PAGE = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY created_at DESC, id DESC LIMIT :limit
"""
_NEWEST = f"SELECT {SUMMARY_COLUMNS} FROM plans ORDER BY created_at DESC, id DESC LIMIT :limit"


def page(tx: sqlite3.Cursor, wanted: TaskFilter, *, before: tuple[float, str] | None, limit: int) -> list[TaskSummary]:
    """The newest plans that C{wanted} lets through.

    @param before: creation time and id of the last plan of the page before.
    """
    found = [
        (TaskSummary(*row) for row in _query(tx, wanted, state, result, before, limit))
        for state in wanted.states or (None,)
        for result in wanted.results or (None,)
    ]
    return list(islice(merge(*found, key=lambda task: (task.created_at, task.id), reverse=True), limit))


def _query(
    tx: sqlite3.Cursor,
    wanted: TaskFilter,
    state: str | None,
    result: str | None,
    before: tuple[float, str] | None,
    limit: int,
) -> Iterator[tuple[Any, ...]]:
    values = {
        "state": state,
        "result": result,
        "label": wanted.label,
        "host": wanted.host,
        "since": wanted.since,
        "until": wanted.until,
    }
    given = {key: value for key, value in values.items() if value is not None}
    conditions = [_CONDITIONS[key] for key in given]
    parameters: dict[str, object] = {**given, "limit": limit}
    if before is not None:
        conditions.append(_CONDITIONS["before"])
        parameters["before_at"], parameters["before_id"] = before
    if not conditions:
        return iter(tx.execute(_NEWEST, parameters).fetchall())
    statement = _PAGE.format(
        columns=SUMMARY_COLUMNS, index=_index(wanted, state, result), conditions=" AND ".join(conditions)
    )
    return iter(tx.execute(statement, parameters).fetchall())


def _index(wanted: TaskFilter, state: str | None, result: str | None) -> str:
    """The index that leaves the fewest rows to look at: most plans are stopped, and most have gone well."""
    if wanted.host is not None:
        return "plans_by_host"
    if state is not None and state != PlanState.STOPPED:
        return "plans_by_state"
    if result is not None and result != PlanResult.SUCCESS:
        return "plans_by_result"
    if wanted.label is not None:
        return "plans_by_label"
    if state is not None:
        return "plans_by_state"
    return "plans_by_result" if result is not None else "plans_by_created"
