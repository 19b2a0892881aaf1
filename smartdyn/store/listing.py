"""Lists of plans: searched for, newest first, a page at a time, as fast with a million plans as with ten.

A page begins where the one before ended (keyset), so no rows are skipped over. A search goes along one index, or a few
of which the finds are merged, in the order of creation; which these are decides only how long it takes: every row is
looked at with all conditions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Any, Final

from smartdyn.model.query import CANCELLED, FAILED, TaskQuery
from smartdyn.model.states import FAILURES, PlanResult, PlanState
from smartdyn.model.views import TaskSummary
from smartdyn.store import names
from smartdyn.store.json import dumps

SUMMARY_COLUMNS = "id, label, state, result, host, created_at, started_at, ended_at, caller_plan_id"
MOST_WITH_TEXT: Final = 2000
"""Plans that a search in the output looks at: those that ended last."""

FEW_ENDS: Final = 1000
"""Plans that are looked for by the time of their end, and then sorted by that of their creation. Where more have ended,
the newest plans are for the most part among them, and a page of those is found at once."""

_SELECT = """
    SELECT {columns} FROM plans INDEXED BY {index} WHERE {conditions}
    ORDER BY created_at DESC, id DESC LIMIT :limit
"""
_BEFORE = "(created_at, id) < (:before_at, :before_id)"
CANCELLED_ONE = """
    (state = 'stopped' AND (result = 'cancelled' OR (result <> 'success' AND cancel_requested_at IS NOT NULL)))
"""
_STATE = f"""
    (
        state IN (SELECT value FROM json_each(:states))
        OR (:failed AND state = 'stopped' AND result IN ('error', 'warning') AND cancel_requested_at IS NULL)
        OR (:cancelled AND {CANCELLED_ONE})
    )
"""
_RESULT = "result IN (SELECT value FROM json_each(:results))"
_CAUSE = """
    EXISTS (
        SELECT 1 FROM digests
        WHERE plan_id = plans.id AND cause IN (SELECT value FROM json_each(:causes))
    )
"""
_ENDED = "(state = 'stopped' AND ended_at >= :ended)"
_WITH_CAUSE = """
    SELECT plan_id FROM digests INDEXED BY digests_by_cause
    WHERE cause IN (SELECT value FROM json_each(:causes)) AND ended_at >= :ended
"""
_ALL_ENDED = f"SELECT 1 FROM plans INDEXED BY plans_by_end WHERE {_ENDED}"
_TEXT = """
    id IN (
        SELECT plan_id FROM digests
        WHERE id IN (
            SELECT rowid FROM output_words WHERE output_words MATCH :text ORDER BY rowid DESC LIMIT :most_with_text
        )
    )
"""
_WORD = """
    (label LIKE :{0}_part ESCAPE '\\' OR host LIKE :{0}_part ESCAPE '\\' OR (id >= :{0} AND id < :{0}_behind))
"""
_FEW_NAMES = 20
"""Names of which each is looked for by itself."""

_SHORTEST_ID = 4
"""Characters by which ids are found: with fewer, too many begin."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A way along an index.

    @param condition: what all that is found there have in common.
    """

    index: str
    condition: str
    values: dict[str, object] = field(default_factory=dict)


_BY_ID = "sqlite_autoindex_plans_1"
_EVERYWHERE = (Walk("plans_by_created", "1"),)


def page(
    tx: sqlite3.Cursor, wanted: TaskQuery, *, before: tuple[float, str] | None = None, limit: int
) -> list[TaskSummary]:
    """The newest plans that C{wanted} lets through.

    @param before: creation time and id of the last plan of the page before.
    """
    return [TaskSummary(*row) for row in _rows(tx, wanted, SUMMARY_COLUMNS, before, limit)]


def ids(tx: sqlite3.Cursor, wanted: TaskQuery, *, limit: int) -> list[str]:
    """The ids of the newest plans that C{wanted} lets through."""
    return [row[0] for row in _rows(tx, wanted, "id, created_at", None, limit)]


def _rows(
    tx: sqlite3.Cursor, wanted: TaskQuery, columns: str, before: tuple[float, str] | None, limit: int
) -> Iterator[tuple[Any, ...]]:
    conditions, values = _conditions(wanted)
    values["limit"] = limit
    if before is not None:
        conditions.append(_BEFORE)
        values["before_at"], values["before_id"] = before
    at = columns.split(", ").index("created_at")
    found = []
    for walk in _walks(tx, wanted):
        statement = _SELECT.format(
            columns=columns,
            index=walk.index,
            conditions=" AND ".join([walk.condition, *conditions]),
        )
        found.append(tx.execute(statement, {**values, **walk.values}).fetchall())
    return islice(_each_once(merge(*found, key=lambda row: (row[at], row[0]), reverse=True)), limit)


def _each_once(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    last = None
    for row in rows:
        if row[0] != last:
            yield row
        last = row[0]


def _conditions(wanted: TaskQuery) -> tuple[list[str], dict[str, object]]:
    """What each row must fulfil."""
    values: dict[str, object] = {}
    conditions = []
    if wanted.states:
        values |= {"states": dumps(list(wanted.states))}
        values |= {"failed": FAILED in wanted.states, "cancelled": CANCELLED in wanted.states}
        conditions.append(_STATE)
    for name, chosen, condition in (("results", wanted.results, _RESULT), ("causes", wanted.causes, _CAUSE)):
        if chosen:
            values[name] = dumps(list(chosen))
            conditions.append(condition)
    for name, bound, condition in (
        ("parent", wanted.parent, "caller_plan_id = :parent"),
        ("since", wanted.since, "created_at >= :since"),
        ("until", wanted.until, "created_at < :until"),
        ("ended", wanted.ended, _ENDED),
    ):
        if bound is not None:
            values[name] = bound
            conditions.append(condition)
    for column, patterns in (("host", names.hosts(wanted.hosts)), ("label", names.labels(wanted.labels))):
        if patterns:
            given = {f"{column}{number}": pattern for number, pattern in enumerate(patterns)}
            conditions.append(names.like(column, given))
            values |= given
    for number, word in enumerate(wanted.words):
        name = f"word{number}"
        start, behind = _id_range(word)
        values |= {f"{name}_part": f"%{names.literal(word)}%", name: start, f"{name}_behind": behind}
        conditions.append(_WORD.format(name))
    return conditions, values


def _walks(tx: sqlite3.Cursor, wanted: TaskQuery) -> Sequence[Walk]:
    """The ways that leave the fewest rows to look at: most plans are stopped, and most have gone well."""
    if wanted.texts:
        phrases = " AND ".join('"{}" *'.format(text.replace('"', '""')) for text in wanted.texts)
        return [Walk(_BY_ID, _TEXT, {"text": phrases, "most_with_text": MOST_WITH_TEXT})]
    if wanted.parent is not None:
        return [Walk("plans_by_parent", "caller_plan_id = :parent")]
    if ended := _by_end(tx, wanted):
        return ended
    hosts = names.matching(tx, "host", names.hosts(wanted.hosts)) if wanted.hosts else None
    if hosts is not None and len(hosts) <= _FEW_NAMES:
        return _along("host", hosts)
    found = [walks for word in wanted.words if (walks := _by_word(tx, word))]
    if found:
        return min(found, key=lambda walks: any(walk.index == "plans_by_label" for walk in walks))
    if wanted.states == (CANCELLED,):
        return [Walk("plans_cancelled", "cancel_requested_at IS NOT NULL"), *_along("result", (PlanResult.CANCELLED,))]
    if wanted.states and not {PlanState.STOPPED, FAILED, CANCELLED} & {*wanted.states}:
        return _along("state", wanted.states)
    if wanted.causes or wanted.states == (FAILED,):
        # what has gone well has no cause, and is not among what failed
        bad = FAILURES if wanted.causes else (PlanResult.ERROR, PlanResult.WARNING)
        return _along("result", [result for result in bad if not wanted.results or result in wanted.results])
    if wanted.results and PlanResult.SUCCESS not in wanted.results:
        return _along("result", wanted.results)
    labels = names.matching(tx, "label", names.labels(wanted.labels)) if wanted.labels else None
    if labels is not None and len(labels) <= _FEW_NAMES:
        return _along("label", labels)
    return _EVERYWHERE


def _by_end(tx: sqlite3.Cursor, wanted: TaskQuery) -> list[Walk]:
    """The way to what ended of late, with the causes that are wanted; none when that is too much to sort."""
    if wanted.ended is None:
        return []
    ends = _WITH_CAUSE if wanted.causes else _ALL_ENDED
    values = {"ended": wanted.ended, "causes": dumps(list(wanted.causes)), "most": FEW_ENDS + 1}
    (found,) = tx.execute(f"SELECT count(*) FROM ({ends} LIMIT :most)", values).fetchone()
    if found > FEW_ENDS:
        return []
    return [Walk(_BY_ID, f"id IN ({ends})") if wanted.causes else Walk("plans_by_end", _ENDED)]


def _by_word(tx: sqlite3.Cursor, word: str) -> list[Walk]:
    """The ways to what has a word in its name; none when these are too many."""
    part = [f"%{names.literal(word)}%"]
    hosts, labels = (names.matching(tx, kind, part) for kind in ("host", "label"))
    if len(hosts) > _FEW_NAMES or len(labels) > _FEW_NAMES:
        return []
    start, behind = _id_range(word)
    by_id = Walk(_BY_ID, "id >= :start AND id < :behind", {"start": start, "behind": behind})
    return [by_id, *_along("host", hosts), *_along("label", labels)]


def _id_range(word: str) -> tuple[str, str]:
    """Where the ids that begin with a word are; nowhere for a short one."""
    start = word.lower()
    return start, f"{start}\U0010ffff" if len(word) >= _SHORTEST_ID else start


def _along(column: str, wanted: Sequence[str]) -> list[Walk]:
    return [Walk(f"plans_by_{column}", f"{column} = :walked", {"walked": str(value)}) for value in wanted]
