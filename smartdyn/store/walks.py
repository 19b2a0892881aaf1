"""Ways along the indexes of plans: which of them a search takes decides only how long it takes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from smartdyn.model.query import CANCELLED, FAILED, NO_PARENT, TaskQuery
from smartdyn.model.states import FAILURES, PlanResult, PlanState
from smartdyn.store import names
from smartdyn.store.conditions import ENDED, end_of, id_range
from smartdyn.store.json import dumps

MOST_WITH_TEXT: Final = 2000
"""Plans that a search in the output looks at: those that ended last."""

FEW_ENDS: Final = 2000
"""Plans that are looked for by their end or its cause, and then sorted by the time of their creation. Where more have
ended, the newest plans are for the most part among them, and a page of those is found at once."""

_FEW_NAMES = 20
"""Names of which each is looked for by itself."""

FEW: Final = 5000
"""Plans that are quickly looked at."""

_WITH_CAUSE = """
    SELECT plan_id FROM digests INDEXED BY digests_by_cause
    WHERE cause IN (SELECT value FROM json_each(:causes)) AND ended_at >= :ended
"""
_ALL_ENDED = f"SELECT 1 FROM plans INDEXED BY plans_by_end WHERE {ENDED}"
_TEXT = """
    id IN (
        SELECT plan_id FROM digests
        WHERE id IN (
            SELECT rowid FROM output_words WHERE output_words MATCH :text ORDER BY rowid DESC LIMIT :most_with_text
        )
    )
"""
_SOME = "SELECT count(*) FROM (SELECT 1 FROM plans INDEXED BY {index} WHERE {condition} LIMIT :left)"
_IN_QUEUE = """
    SELECT plan_id FROM steps INDEXED BY steps_by_queue
    WHERE queue IS NOT NULL AND queue IN (SELECT value FROM json_each(:queues))
"""


@dataclass(frozen=True, slots=True)
class Walk:
    """A way along an index.

    @param condition: what all that is found there have in common.
    """

    index: str
    condition: str
    values: dict[str, object] = field(default_factory=dict)


BY_ID: Final = "sqlite_autoindex_plans_1"
EVERYWHERE: Final = (Walk("plans_by_created", "1"),)


def walks(tx: sqlite3.Cursor, wanted: TaskQuery) -> Sequence[Walk]:
    """The ways that leave the fewest rows to look at: most plans are stopped, and most have gone well."""
    if wanted.texts:
        phrases = " AND ".join('"{}" *'.format(text.replace('"', '""')) for text in wanted.texts)
        return [Walk(BY_ID, _TEXT, {"text": phrases, "most_with_text": MOST_WITH_TEXT})]
    if wanted.ids:
        return _begins(BY_ID, "id", [each.lower() for each in wanted.ids])
    if wanted.requests:
        return _begins("plans_by_request", "request_id", wanted.requests)
    if wanted.parent not in {None, NO_PARENT}:
        return [Walk("plans_by_parent", "caller_plan_id = :parent")]
    if found := _by_end(tx, wanted) or _by_queue(tx, wanted):
        return found
    hosts = names.matching(tx, "host", names.hosts(wanted.hosts)) if wanted.hosts else None
    if hosts is not None and len(hosts) <= _FEW_NAMES:
        return along("host", hosts)
    by_words = [found for word in wanted.words if (found := _by_word(tx, word))]
    if by_words:
        return min(by_words, key=lambda walks: any(walk.index == "plans_by_label" for walk in walks))
    return _by_state(tx, wanted)


def _by_state(tx: sqlite3.Cursor, wanted: TaskQuery) -> Sequence[Walk]:
    """The way to what is in a state, when no name says where it is."""
    labels = names.matching(tx, "label", names.labels(wanted.labels)) if wanted.labels else None
    by_label = along("label", labels) if labels is not None and len(labels) <= _FEW_NAMES else None
    if by_label is not None and size(tx, by_label, FEW) <= FEW:
        return by_label
    results = _results(wanted)
    if wanted.states and not {PlanState.STOPPED, FAILED, CANCELLED} & {*wanted.states}:
        return along("state", wanted.states)
    if wanted.parent == NO_PARENT:
        return _without_parent(results)
    if wanted.states == (CANCELLED,):
        return CANCELLED_ONES
    if PlanResult.SUCCESS not in results:
        return along("result", results)
    return _by_time(wanted) if by_label is None else by_label


def _results(wanted: TaskQuery) -> list[PlanResult]:
    """The results that may be wanted: what has gone well has no cause, and is not among what failed."""
    possible = {*PlanResult}
    if wanted.results:
        possible &= {PlanResult(result) for result in wanted.results}
    if wanted.causes:
        possible &= FAILURES
    if wanted.states == (FAILED,):
        possible &= {PlanResult.ERROR, PlanResult.WARNING}
    return [result for result in PlanResult if result in possible]


def _without_parent(results: Iterable[PlanResult]) -> list[Walk]:
    condition = "caller_plan_id IS NULL AND result = :walked"
    return [Walk("plans_without_parent", condition, {"walked": str(result)}) for result in results]


def _by_time(wanted: TaskQuery) -> Sequence[Walk]:
    bounds = {"created_at >= :since": wanted.since, "created_at < :until": wanted.until}
    given = [condition for condition, bound in bounds.items() if bound is not None]
    return [Walk("plans_by_created", " AND ".join(given))] if given else EVERYWHERE


def size(tx: sqlite3.Cursor, ways: Iterable[Walk], most: int, **values: object) -> int:
    """How many plans stand on some ways, each as often as it does; more than C{most} are not counted on.

    @param values: of parameters that ways do not have themselves.
    """
    counted = 0
    for walk in ways:
        statement = _SOME.format(index=walk.index, condition=walk.condition)
        counted += tx.execute(statement, {**values, **walk.values, "left": most + 1 - counted}).fetchone()[0]
        if counted > most:
            break
    return counted


def _by_end(tx: sqlite3.Cursor, wanted: TaskQuery) -> list[Walk]:
    """The way to what ended of late, or with the causes that are wanted; none when that is too much to sort."""
    if wanted.ended is None and not wanted.causes:
        return []
    ends = _WITH_CAUSE if wanted.causes else _ALL_ENDED
    values = {"ended": wanted.ended or 0.0, "causes": dumps(list(wanted.causes)), "most": FEW_ENDS + 1}
    (found,) = tx.execute(f"SELECT count(*) FROM ({ends} LIMIT :most)", values).fetchone()
    if found > FEW_ENDS:
        return []
    return [
        Walk(BY_ID, f"id IN ({ends})", {"ended": values["ended"]}) if wanted.causes else Walk("plans_by_end", ENDED)
    ]


def _by_queue(tx: sqlite3.Cursor, wanted: TaskQuery) -> list[Walk]:
    """The way to what waits in other queues than that in which nearly all do; none when these are too many to sort."""
    if not wanted.queues or "default" in wanted.queues:
        return []
    values = {"queues": dumps(list(wanted.queues)), "most": FEW + 1}
    (found,) = tx.execute(f"SELECT count(*) FROM ({_IN_QUEUE} LIMIT :most)", values).fetchone()
    return [] if found > FEW else [Walk(BY_ID, f"id IN ({_IN_QUEUE})")]


def _by_word(tx: sqlite3.Cursor, word: str) -> list[Walk]:
    """The ways to what has a word in its name; none when these are too many."""
    part = [f"%{names.literal(word)}%"]
    hosts, labels = (names.matching(tx, kind, part) for kind in ("host", "label"))
    if len(hosts) > _FEW_NAMES or len(labels) > _FEW_NAMES:
        return []
    return [_by_id(word), *along("host", hosts), *along("label", labels)]


def not_by_label(tx: sqlite3.Cursor, word: str) -> list[Walk] | None:
    """The ways to what has a word elsewhere than in its label; None when these are too many."""
    hosts = names.matching(tx, "host", [f"%{names.literal(word)}%"])
    return [_by_id(word), *along("host", hosts)] if len(hosts) <= _FEW_NAMES else None


def _by_id(word: str) -> Walk:
    start, behind = id_range(word)
    return Walk(BY_ID, "id >= :start AND id < :behind", {"start": start, "behind": behind})


def _begins(index: str, column: str, beginnings: Iterable[str]) -> list[Walk]:
    condition = f"{column} >= :start AND {column} < :behind"
    return [Walk(index, condition, {"start": start, "behind": end_of(start)}) for start in beginnings]


def along(column: str, wanted: Sequence[str]) -> list[Walk]:
    """The ways to the plans that have one of some values in a column."""
    return [Walk(f"plans_by_{column}", f"{column} = :walked", {"walked": str(value)}) for value in wanted]


CANCELLED_ONES: Final = (
    Walk("plans_cancelled", "cancel_requested_at IS NOT NULL"),
    *along("result", (PlanResult.CANCELLED,)),
)
"""The ways to what was cancelled."""
