"""What each plan must fulfil that a search finds, as SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from smartdyn.model.query import CANCELLED, FAILED, NO_PARENT, SHORTEST_ID, TaskQuery
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.store import names
from smartdyn.store.json import dumps

CANCELLED_ONE: Final = """
    (state = 'stopped' AND (result = 'cancelled' OR (result <> 'success' AND cancel_requested_at IS NOT NULL)))
"""
ENDED: Final = "(state = 'stopped' AND ended_at >= :ended)"
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
_QUEUE = """
    EXISTS (
        SELECT 1 FROM steps
        WHERE plan_id = plans.id AND kind <> 'PLAN'
            AND coalesce(queue, 'default') IN (SELECT value FROM json_each(:queues))
    )
"""
_WORD = """
    (label LIKE :{0}_part ESCAPE '\\' OR host LIKE :{0}_part ESCAPE '\\' OR (id >= :{0} AND id < :{0}_behind))
"""


def in_state(state: PlanState, outcome: PlanResult | None) -> str:
    """The condition that a plan is in a state, as people call it.

    @param outcome: what a plan that is over is called; one that somebody wanted to end is only called an error by
        itself when nobody did.
    """
    if outcome is None:
        return f"state = '{state}'"
    if outcome is PlanResult.CANCELLED:
        return CANCELLED_ONE
    asked = "" if outcome is PlanResult.SUCCESS else " AND cancel_requested_at IS NULL"
    return f"(result = '{outcome}' AND state = '{state}'{asked})"


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    @param parts: all of them must be true.
    @param values: of the parameters in them.
    """

    parts: tuple[str, ...] = ()
    values: dict[str, object] = field(default_factory=dict)

    def also(self, part: str, **values: object) -> Conditions:
        """These and one more."""
        return Conditions((*self.parts, part), {**self.values, **values})

    def sql(self, *more: str) -> str:
        """What stands behind C{WHERE}.

        @param more: conditions to stand before these.
        """
        return " AND ".join([*more, *self.parts]) or "1"


def conditions(wanted: TaskQuery) -> Conditions:
    """Those of a search."""
    found = Conditions()
    for part, values in (*_choices(wanted), *_bounds(wanted), *_patterns(wanted)):
        found = found.also(part, **values)
    return found


def _choices(wanted: TaskQuery) -> Iterator[tuple[str, dict[str, object]]]:
    if wanted.states:
        special = {"failed": FAILED in wanted.states, "cancelled": CANCELLED in wanted.states}
        yield _STATE, {"states": dumps(list(wanted.states)), **special}
    for name, chosen, condition in (
        ("results", wanted.results, _RESULT),
        ("causes", wanted.causes, _CAUSE),
        ("queues", wanted.queues, _QUEUE),
    ):
        if chosen:
            yield condition, {name: dumps(list(chosen))}


def _bounds(wanted: TaskQuery) -> Iterator[tuple[str, dict[str, object]]]:
    if wanted.parent == NO_PARENT:
        yield "caller_plan_id IS NULL", {}
    elif wanted.parent is not None:
        yield "caller_plan_id = :parent", {"parent": wanted.parent}
    for name, bound, condition in (
        ("since", wanted.since, "created_at >= :since"),
        ("until", wanted.until, "created_at < :until"),
        ("ended", wanted.ended, ENDED),
    ):
        if bound is not None:
            yield condition, {name: bound}


def _patterns(wanted: TaskQuery) -> Iterator[tuple[str, dict[str, object]]]:
    for column, patterns in (("host", names.hosts(wanted.hosts)), ("label", names.labels(wanted.labels))):
        if patterns:
            given: dict[str, object] = {f"{column}{number}": pattern for number, pattern in enumerate(patterns)}
            yield names.like(column, given), given
    if wanted.ids:
        yield _one_begins("id", [each.lower() for each in wanted.ids])
    if wanted.requests:
        yield _one_begins("request_id", wanted.requests)
    for number, word in enumerate(wanted.words):
        name = f"word{number}"
        start, behind = id_range(word)
        yield _WORD.format(name), {f"{name}_part": f"%{names.literal(word)}%", name: start, f"{name}_behind": behind}


def _one_begins(column: str, beginnings: Iterable[str]) -> tuple[str, dict[str, object]]:
    parts: list[str] = []
    values: dict[str, object] = {}
    for number, start in enumerate(beginnings):
        name = f"{column}{number}"
        parts.append(f"({column} >= :{name} AND {column} < :{name}_behind)")
        values |= {name: start, f"{name}_behind": end_of(start)}
    return f"({' OR '.join(parts)})", values


def id_range(word: str) -> tuple[str, str]:
    """Where the ids that begin with a word are; nowhere for a short one."""
    start = word.lower()
    return start, end_of(start) if len(word) >= SHORTEST_ID else start


def end_of(start: str) -> str:
    """What all texts that begin so stand before."""
    return f"{start}\U0010ffff"
