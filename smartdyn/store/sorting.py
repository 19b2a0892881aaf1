"""Plans in other orders than that of their creation.

Where a search leaves few plans, these are sorted. Of many, those that are wanted are never far: they are met along an
index in the order that is wanted, or, where there are but a few values to sort by, they are the newest of each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from smartdyn.model.order import STATE_RANKS, Order, Place, SortKey
from smartdyn.model.query import TaskQuery
from smartdyn.model.states import UNFINISHED
from smartdyn.model.views import TaskSummary
from smartdyn.store import by_creation, grouping
from smartdyn.store.by_creation import OLDER, SUMMARY_COLUMNS
from smartdyn.store.conditions import Conditions, conditions, in_state
from smartdyn.store.walks import EVERYWHERE, Walk, along, size, walks

MOST_SORTED: Final = 20_000
"""Plans that are quickly sorted."""

_SORTED = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY {value} IS NULL, {value} {direction}, created_at DESC, id DESC LIMIT :limit
"""
_ALONG = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY {value} {direction}, created_at DESC, id DESC LIMIT :limit
"""
_RANKS = " ".join(f"WHEN {in_state(*named)} THEN {rank}" for rank, named in enumerate(STATE_RANKS))
_VALUES: Final[Mapping[SortKey, str]] = {
    SortKey.STARTED: "started_at",
    SortKey.ENDED: "iif(state = 'stopped', ended_at, NULL)",
    SortKey.TOOK: "iif(state = 'stopped', ended_at - started_at, NULL)",
    SortKey.LABEL: "label",
    SortKey.HOST: "host",
    SortKey.STATE: f"CASE {_RANKS} END",
}


@dataclass(frozen=True, slots=True)
class _Range:
    """An index in the order of a value.

    @param known: what the plans that have the value fulfil.
    @param others: ways to those that do not have it.
    """

    index: str
    value: str
    known: str
    others: Sequence[Walk]


_NOT_OVER = tuple(along("state", UNFINISHED))
_NOT_STARTED = Walk("plans_by_start", "started_at IS NULL")
_WITHOUT_END = Walk("plans_by_end", "state = 'stopped' AND ended_at IS NULL")
_RANGES: Final[Mapping[SortKey, _Range]] = {
    SortKey.STARTED: _Range("plans_by_start", "started_at", "started_at IS NOT NULL", [_NOT_STARTED]),
    SortKey.ENDED: _Range(
        "plans_by_end", "ended_at", "state = 'stopped' AND ended_at IS NOT NULL", [_WITHOUT_END, *_NOT_OVER]
    ),
    SortKey.TOOK: _Range(
        "plans_by_duration",
        "(ended_at - started_at)",
        "state = 'stopped' AND started_at IS NOT NULL AND ended_at IS NOT NULL",
        [_NOT_STARTED, _WITHOUT_END, *_NOT_OVER],
    ),
    SortKey.HOST: _Range("plans_by_host", "host", "host IS NOT NULL", [Walk("plans_by_host", "host IS NULL")]),
}


def page(tx: sqlite3.Cursor, wanted: TaskQuery, order: Order, before: Place | None, limit: int) -> list[TaskSummary]:
    """The first plans in an order that a search finds, or the first behind C{before}."""
    ways, given = walks(tx, wanted), conditions(wanted)
    if ways != EVERYWHERE and size(tx, ways, MOST_SORTED, **given.values) <= MOST_SORTED:
        return _sorted(tx, ways, given, order, before, limit)
    if (groups := grouping.groups(tx, wanted, order.key)) is not None:
        return grouping.page(tx, groups, given, order, before, limit)
    return _ranged(tx, wanted, order, before, limit)


def _sorted(
    tx: sqlite3.Cursor, ways: Sequence[Walk], given: Conditions, order: Order, before: Place | None, limit: int
) -> list[TaskSummary]:
    value = _VALUES[order.key]
    if before is not None:
        given = _behind(given, value, order, before)
    found: dict[str, TaskSummary] = {}
    for walk in ways:
        statement = _SORTED.format(
            columns=SUMMARY_COLUMNS,
            index=walk.index,
            conditions=given.sql(walk.condition),
            value=value,
            direction=_direction(order),
        )
        rows = tx.execute(statement, {**given.values, **walk.values, "limit": limit})
        found.update((row[0], by_creation.summary(row)) for row in rows)
    return order.sorted([*found.values()])[:limit]


def _behind(given: Conditions, value: str, order: Order, before: Place) -> Conditions:
    """What is not before or at a place, also what has no value when that has one."""
    place: dict[str, object] = {"before_at": before.created_at, "before_id": before.id}
    if before.value is None:
        return given.also(f"{value} IS NULL AND {OLDER}", **place)
    sign = "<" if order.descending else ">"
    return given.also(
        f"({value} IS NULL OR {value} {sign} :from_value OR ({value} = :from_value AND {OLDER}))",
        from_value=before.value,
        **place,
    )


def _ranged(tx: sqlite3.Cursor, wanted: TaskQuery, order: Order, before: Place | None, limit: int) -> list[TaskSummary]:
    """Along the index: first the plans that have the value, then the others."""
    way, given = _RANGES[order.key], conditions(wanted)
    found: list[TaskSummary] = []
    if before is None or before.value is not None:
        bounded = given
        if order.key in {SortKey.STARTED, SortKey.ENDED} and wanted.since is not None:
            # nothing starts or ends before it is created
            bounded = given.also(f"{way.value} >= :since")
        found = _known(tx, way, bounded, order, before, limit)
        before = None
    if len(found) < limit:
        others = given.also(f"NOT ({way.known})")
        found += by_creation.summaries(tx, way.others, others, before=before, limit=limit - len(found))
    return found


def _known(
    tx: sqlite3.Cursor, way: _Range, given: Conditions, order: Order, before: Place | None, limit: int
) -> list[TaskSummary]:
    value = way.value
    if before is not None:
        first, behind = ("<=", "<") if order.descending else (">=", ">")
        given = given.also(f"{value} {first} :from_value", from_value=before.value)
        given = given.also(
            f"({value} {behind} :from_value OR {OLDER})", before_at=before.created_at, before_id=before.id
        )
    statement = _ALONG.format(
        columns=SUMMARY_COLUMNS,
        index=way.index,
        conditions=given.sql(way.known),
        value=value,
        direction=_direction(order),
    )
    return [by_creation.summary(row) for row in tx.execute(statement, {**given.values, "limit": limit})]


def _direction(order: Order) -> str:
    return "DESC" if order.descending else "ASC"
