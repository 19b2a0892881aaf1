"""Plans in other orders than that of their creation.

Few are sorted here. Of many, those that are wanted are never far: they are met along an index in the order that is
wanted, or, where there are but a few values to sort by, they are the newest of each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from smartdyn.model.order import STATE_RANKS, Order, Place, SortKey, Value
from smartdyn.model.query import EVERYTHING, TaskQuery
from smartdyn.model.states import UNFINISHED, PlanResult, PlanState
from smartdyn.model.views import TaskSummary
from smartdyn.store import by_creation, names
from smartdyn.store.by_creation import OLDER, SUMMARY_COLUMNS
from smartdyn.store.conditions import Conditions, conditions
from smartdyn.store.walks import EVERYWHERE, Walk, along, walks

FEW: Final = 1000
"""Plans that are sorted here."""

_ALONG = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY {value} {direction}, created_at DESC, id DESC LIMIT :limit
"""


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
_RANGES: Final[Mapping[SortKey, _Range]] = {
    SortKey.STARTED: _Range("plans_by_start", "started_at", "started_at IS NOT NULL", [_NOT_STARTED]),
    SortKey.ENDED: _Range("plans_by_end", "ended_at", "state = 'stopped'", _NOT_OVER),
    SortKey.TOOK: _Range(
        "plans_by_duration",
        "ended_at - started_at",
        "state = 'stopped' AND started_at IS NOT NULL",
        [_NOT_STARTED, *_NOT_OVER],
    ),
    SortKey.HOST: _Range("plans_by_host", "host", "host IS NOT NULL", [Walk("plans_by_host", "host IS NULL")]),
}


@dataclass(frozen=True, slots=True)
class _Group:
    """Plans with the same value.

    @param narrowed: a search that finds all of them that are wanted, and maybe more.
    @param condition: what makes the difference.
    @param index: on which they stand together.
    """

    value: Value
    narrowed: TaskQuery
    condition: str
    values: dict[str, object]
    index: str


def page(tx: sqlite3.Cursor, wanted: TaskQuery, order: Order, before: Place | None, limit: int) -> list[TaskSummary]:
    """The first plans in an order that a search finds, or the first behind C{before}."""
    few = _few(tx, wanted)
    if few is not None:
        behind = order.sorted(few)
        return list(islice((task for task in behind if before is None or _is_behind(task, before, order)), limit))
    if order.key in _RANGES:
        return _ranged(tx, wanted, order, before, limit)
    return _grouped(tx, wanted, order, before, limit)


def _few(tx: sqlite3.Cursor, wanted: TaskQuery) -> list[TaskSummary] | None:
    """All plans that a search finds; None when these are many."""
    if wanted == EVERYTHING:
        return None
    found = by_creation.summaries(tx, walks(tx, wanted), conditions(wanted), limit=FEW + 1)
    return None if len(found) > FEW else found


def _is_behind(task: TaskSummary, before: Place, order: Order) -> bool:
    value = order.value_of(task)
    if value == before.value:
        return (task.created_at, task.id) < (before.created_at, before.id)
    if value is None or before.value is None:
        return value is None
    return value < before.value if order.descending else value > before.value  # type: ignore[operator]


def _ranged(tx: sqlite3.Cursor, wanted: TaskQuery, order: Order, before: Place | None, limit: int) -> list[TaskSummary]:
    """Along the index: first the plans that have the value, then the others."""
    way, given = _RANGES[order.key], conditions(wanted)
    found: list[TaskSummary] = []
    if before is None or before.value is not None:
        found = _known(tx, way, given, order, before, limit)
        before = None
    if len(found) < limit:
        others = given.also(f"NOT ({way.known})")
        found += by_creation.summaries(tx, way.others, others, before=before, limit=limit - len(found))
    return found


def _known(
    tx: sqlite3.Cursor, way: _Range, given: Conditions, order: Order, before: Place | None, limit: int
) -> list[TaskSummary]:
    value = f"({way.value})"
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
        direction="DESC" if order.descending else "ASC",
    )
    return [TaskSummary(*row) for row in tx.execute(statement, {**given.values, "limit": limit})]


def _grouped(
    tx: sqlite3.Cursor, wanted: TaskQuery, order: Order, before: Place | None, limit: int
) -> list[TaskSummary]:
    """Group by group, the newest of each first."""
    given = conditions(wanted)
    found: list[TaskSummary] = []
    for group in _from(list(_GROUPS[order.key](tx, wanted)), order, before):
        start = before if before is not None and group.value == before.value else None
        found += by_creation.summaries(
            tx,
            _ways(tx, group),
            given.also(group.condition, **group.values),
            before=start,
            limit=limit - len(found),
        )
        if len(found) == limit:
            break
    return found


def _from(groups: list[_Group], order: Order, before: Place | None) -> Iterator[_Group]:
    """The groups in their order, from that on in which the page before ended; what has no value comes last."""
    known = [group for group in groups if group.value is not None]
    ordered = [*(reversed(known) if order.descending else known), *(each for each in groups if each.value is None)]
    reached = before is None
    for group in ordered:
        reached = reached or before is None or not _stands_before(group.value, before.value, order)
        if reached:
            yield group


def _stands_before(value: Value, other: Value, order: Order) -> bool:
    if value is None or other is None:
        return other is None and value is not None
    return value > other if order.descending else value < other  # type: ignore[operator]


def _ways(tx: sqlite3.Cursor, group: _Group) -> Sequence[Walk]:
    found = walks(tx, group.narrowed)
    return [Walk(group.index, group.condition)] if found == EVERYWHERE else found


def _states(tx: sqlite3.Cursor, wanted: TaskQuery) -> Iterator[_Group]:
    for rank, (state, result) in enumerate(STATE_RANKS):
        narrowed = replace(wanted, states=(state.value,))
        values: dict[str, object] = {"group_state": state.value}
        if not _may_be(wanted, state, result):
            continue
        if result is None:
            yield _Group(rank, narrowed, "state = :group_state", values, "plans_by_state")
        else:
            narrowed = replace(narrowed, results=(result.value,))
            values |= {"group_result": result.value}
            yield _Group(rank, narrowed, "result = :group_result AND state = :group_state", values, "plans_by_result")


def _may_be(wanted: TaskQuery, state: PlanState, result: PlanResult | None) -> bool:
    """May plans be wanted that are in this state? Those that went well are so many that they are not looked through."""
    if result is not PlanResult.SUCCESS:
        return True
    return (not wanted.states or state in wanted.states) and (not wanted.results or result in wanted.results)


def _labels(tx: sqlite3.Cursor, wanted: TaskQuery) -> Iterator[_Group]:
    for name in names.all_of(tx, "label"):
        yield _Group(name, wanted, "label = :group_label", {"group_label": name}, "plans_by_label")
    yield _Group(None, wanted, "label IS NULL", {}, "plans_by_label")


_GROUPS: Final[Mapping[SortKey, Callable[[sqlite3.Cursor, TaskQuery], Iterator[_Group]]]] = {
    SortKey.STATE: _states,
    SortKey.LABEL: _labels,
}
