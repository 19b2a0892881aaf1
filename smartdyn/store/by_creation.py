"""Plans in the order of their creation, along one index or several at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final

from smartdyn.model.order import Place
from smartdyn.model.views import TaskSummary
from smartdyn.store.conditions import CANCELLED_ONE, Conditions
from smartdyn.store.walks import Walk

SUMMARY_COLUMNS: Final = (
    "id, label, state, result, host, created_at, started_at, ended_at, caller_plan_id, "
    f"{' '.join(CANCELLED_ONE.split())}"
)
_ID_COLUMNS: Final = "id, created_at"
_NEWEST_FIRST = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY created_at DESC, id DESC LIMIT :limit
"""
_OLDEST_FIRST = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY created_at, id LIMIT :limit
"""
OLDER: Final = "(created_at, id) < (:before_at, :before_id)"
_NEWER = "(created_at, id) > (:before_at, :before_id)"


def summaries(
    tx: sqlite3.Cursor,
    ways: Sequence[Walk],
    wanted: Conditions,
    *,
    before: Place | None = None,
    limit: int,
    descending: bool = True,
) -> list[TaskSummary]:
    """The first plans on some ways.

    @param before: the last of the page before.
    """
    found = _rows(tx, SUMMARY_COLUMNS, ways, wanted, before, limit, descending)
    return [summary(row) for row in found]


def summary(row: Sequence[Any]) -> TaskSummary:
    """The task that stands in a row of L{SUMMARY_COLUMNS}."""
    return TaskSummary(*(*row[:-1], bool(row[-1])))


def ids(tx: sqlite3.Cursor, ways: Sequence[Walk], wanted: Conditions, *, limit: int) -> list[str]:
    """The ids of the newest plans on some ways."""
    return [row[0] for row in _rows(tx, _ID_COLUMNS, ways, wanted, None, limit, True)]


def _rows(
    tx: sqlite3.Cursor,
    columns: str,
    ways: Sequence[Walk],
    wanted: Conditions,
    before: Place | None,
    limit: int,
    descending: bool,
) -> Iterator[tuple[Any, ...]]:
    if before is not None:
        wanted = wanted.also(OLDER if descending else _NEWER, before_at=before.created_at, before_id=before.id)
    at = columns.split(", ").index("created_at")
    statement = _NEWEST_FIRST if descending else _OLDEST_FIRST
    found = []
    for walk in ways:
        sql = statement.format(columns=columns, index=walk.index, conditions=wanted.sql(walk.condition))
        found.append(tx.execute(sql, {**wanted.values, **walk.values, "limit": limit}).fetchall())
    merged = merge(*found, key=lambda row: (row[at], row[0]), reverse=descending)
    return islice(_each_once(merged), limit)


def _each_once(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    last = None
    for row in rows:
        if row[0] != last:
            yield row
        last = row[0]
