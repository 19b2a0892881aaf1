"""Plans sorted by something that has few values: the newest of one, then of the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from smartdyn.model.order import STATE_RANKS, Order, Place, SortKey, Value
from smartdyn.model.query import TaskQuery
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.model.views import TaskSummary
from smartdyn.store import by_creation, names
from smartdyn.store.conditions import Conditions, in_state
from smartdyn.store.walks import CANCELLED_ONES, EVERYWHERE, Walk, not_by_label, walks

MOST_HOSTS: Final = 50
"""With more hosts, there are so few plans of each that they are sorted where they stand in the index."""


@dataclass(frozen=True, slots=True)
class Group:
    """Plans with the same value.

    @param condition: what makes the difference.
    @param ways: to them, and maybe to others.
    """

    value: Value
    condition: str
    values: dict[str, object]
    ways: Sequence[Walk]


def groups(tx: sqlite3.Cursor, wanted: TaskQuery, key: SortKey) -> list[Group] | None:
    """The groups in their order, what has no value last; None when there are too many."""
    if key is SortKey.STATE:
        return [*_states(tx, wanted)]
    if key is SortKey.LABEL:
        labels = names.matching(tx, "label", names.labels(wanted.labels)) if wanted.labels else None
        if labels is None or len(labels) == names.MOST:
            labels = names.all_of(tx, "label")
        return [*_labelled(tx, wanted, _named("label", sorted(labels)))]
    if key is SortKey.HOST:
        hosts = names.matching(tx, "host", ["%"])
        return [*_named("host", sorted(hosts))] if len(hosts) <= MOST_HOSTS else None
    return None


def page(
    tx: sqlite3.Cursor,
    among: list[Group],
    given: Conditions,
    order: Order,
    before: Place | None,
    limit: int,
) -> list[TaskSummary]:
    """The first plans, or the first behind C{before}, that fulfil what is given, group by group."""
    found: list[TaskSummary] = []
    for group in _from(among, order, before):
        start = before if before is not None and group.value == before.value else None
        wanted = given.also(group.condition, **group.values)
        found += by_creation.summaries(tx, group.ways, wanted, before=start, limit=limit - len(found))
        if len(found) == limit:
            break
    return found


def _from(among: list[Group], order: Order, before: Place | None) -> Iterator[Group]:
    """The groups in their order, from that on in which the page before ended."""
    known = [group for group in among if group.value is not None]
    ordered = [*(reversed(known) if order.descending else known), *(each for each in among if each.value is None)]
    for group in ordered:
        if before is None or not _stands_before(group.value, before.value, order):
            yield group


def _stands_before(value: Value, other: Value, order: Order) -> bool:
    if value is None or other is None:
        return other is None and value is not None
    return value > other if order.descending else value < other  # type: ignore[operator]


def _states(tx: sqlite3.Cursor, wanted: TaskQuery) -> Iterator[Group]:
    for rank, (state, result) in enumerate(STATE_RANKS):
        condition = in_state(state, result)
        if result is None:
            ways: Sequence[Walk] = [Walk("plans_by_state", condition)]
        elif result is PlanResult.CANCELLED:
            ways = CANCELLED_ONES
        else:
            ways = [Walk("plans_by_result", condition)]
        if result is PlanResult.SUCCESS:
            if not _may_have_gone_well(wanted):
                continue
            # These are nearly all, so that another way to what is wanted is the shorter one
            other = walks(tx, replace(wanted, states=(state.value,), results=(result.value,)))
            ways = ways if other == EVERYWHERE else other
        yield Group(rank, condition, {}, ways)


def _may_have_gone_well(wanted: TaskQuery) -> bool:
    states, results = wanted.states, wanted.results
    return (not states or PlanState.STOPPED in states) and (not results or PlanResult.SUCCESS in results)


def _labelled(tx: sqlite3.Cursor, wanted: TaskQuery, found: Iterator[Group]) -> Iterator[Group]:
    """What has a word that its label does not have is not looked for among all with that label."""
    elsewhere = {word: not_by_label(tx, word) for word in wanted.words}
    for group in found:
        label = str(group.value or "").lower()
        ways = next((each for word, each in elsewhere.items() if each is not None and word.lower() not in label), None)
        yield group if ways is None else replace(group, ways=ways)


def _named(column: str, known: Sequence[str]) -> Iterator[Group]:
    for name in known:
        condition = f"{column} = :group_{column}"
        yield Group(name, condition, {f"group_{column}": name}, [Walk(f"plans_by_{column}", condition)])
    condition = f"{column} IS NULL"
    yield Group(None, condition, {}, [Walk(f"plans_by_{column}", condition)])
