"""Numbers and examples for the first page of the console and the pages of hosts."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable

from smartdyn.model import causes
from smartdyn.model.overview import CallbackBacklog, FailureGroup, ListedHost, Trouble
from smartdyn.model.query import TaskQuery
from smartdyn.model.states import UNFINISHED, PlanResult, PlanState
from smartdyn.model.views import StateCount
from smartdyn.store import by_creation, callbacks, digests, listing, output, plans
from smartdyn.store.by_creation import SUMMARY_COLUMNS
from smartdyn.store.json import dumps

MINUTES = 60
_ENOUGH = 4096
"""Characters at the end of an output, in which its last line is looked for."""

_LONGEST_LINE = 300

MOST_COUNTED = 1000
"""What is counted for people; so many mean so many or more."""

_ENDED = """
    SELECT CAST((:now - ended_at) / 60 AS INTEGER), count(*) FROM plans INDEXED BY plans_by_end
    WHERE state = 'stopped' AND ended_at > :now - :minutes * 60 AND ended_at <= :now GROUP BY 1
"""
_CAUSES = """
    SELECT cause, count(*), max(digests.ended_at), plan_id
    FROM plans INDEXED BY {index} CROSS JOIN digests ON plan_id = plans.id
    WHERE {column} = ? AND cause IS NOT NULL AND cause <> 'cancelled' GROUP BY cause ORDER BY count(*) DESC, cause
"""
_OF_HOST = _CAUSES.format(index="plans_by_host", column="host")
_OF_PARENT = _CAUSES.format(index="plans_by_parent", column="caller_plan_id")
_TROUBLES = f"""
    SELECT {SUMMARY_COLUMNS}, (SELECT cause FROM digests WHERE plan_id = plans.id) AS why, (
        SELECT json_extract(error, '$[1]') FROM steps WHERE plan_id = plans.id AND error IS NOT NULL ORDER BY id LIMIT 1
    )
    FROM plans INDEXED BY plans_by_host
    WHERE host = ? AND why IS NOT NULL AND why <> 'cancelled' ORDER BY created_at DESC, id DESC LIMIT ?
"""
_ERROR = """
    SELECT json_extract(error, '$[1]') FROM steps WHERE plan_id = ? AND error IS NOT NULL ORDER BY id LIMIT 1
"""
_CHILD_STATES = """
    SELECT caller_plan_id, state, result, count(*), count(cancel_requested_at)
    FROM plans INDEXED BY plans_by_parent_state
    WHERE caller_plan_id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3
"""
_CHILD_HOSTS = """
    SELECT count(DISTINCT host), max(ended_at) FROM plans INDEXED BY plans_by_parent WHERE caller_plan_id = ?
"""
_LAST_ERROR = """
    SELECT last_error FROM callbacks
    WHERE state = :state AND last_error IS NOT NULL ORDER BY created_at DESC LIMIT 1
"""


def failures(tx: sqlite3.Cursor, since: float) -> list[FailureGroup]:
    """Why tasks that ended since then failed, the most frequent causes first."""
    return _groups(tx, digests.causes(tx, since))


def failures_of_host(tx: sqlite3.Cursor, host: str) -> list[FailureGroup]:
    """Why the tasks of a host failed, the most frequent causes first."""
    return _groups(tx, [digests.CauseCount(*row) for row in tx.execute(_OF_HOST, (host,)).fetchall()])


def failures_of_batch(tx: sqlite3.Cursor, parent_id: str) -> list[FailureGroup]:
    """Why the tasks that one launched failed, the most frequent causes first."""
    return _groups(tx, [digests.CauseCount(*row) for row in tx.execute(_OF_PARENT, (parent_id,)).fetchall()])


def troubles(tx: sqlite3.Cursor, host: str, limit: int) -> list[Trouble]:
    """The last tasks of a host that failed."""
    return [
        Trouble(by_creation.summary(row), causes.by_key(cause), (error or "").partition("\n")[0])
        for *row, cause, error in tx.execute(_TROUBLES, (host, limit))
    ]


def child_states(tx: sqlite3.Cursor, parent_id: str) -> list[StateCount]:
    """How many of the tasks that one launched are in which state."""
    return children_of(tx, [parent_id]).get(parent_id, [])


def children_of(tx: sqlite3.Cursor, plan_ids: Iterable[str]) -> dict[str, list[StateCount]]:
    """L{child_states} of those among some tasks that launched any."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for parent_id, state, result, number, asked_to_end in tx.execute(_CHILD_STATES, (dumps(list(plan_ids)),)):
        cancelled = asked_to_end if state == PlanState.STOPPED and result != PlanResult.SUCCESS else 0
        of_one = counts.setdefault(parent_id, Counter())
        of_one[state, result] += number - cancelled
        of_one[state, PlanResult.CANCELLED.value] += cancelled
    return {
        parent_id: [StateCount(state, result, number) for (state, result), number in sorted(of_one.items()) if number]
        for parent_id, of_one in counts.items()
    }


def child_hosts(tx: sqlite3.Cursor, parent_id: str) -> tuple[int, float | None]:
    """On how many hosts the tasks are that one launched, and when the last of them ended."""
    hosts, ended_at = tx.execute(_CHILD_HOSTS, (parent_id,)).fetchone()
    return hosts, ended_at


def throughput(tx: sqlite3.Cursor, now: float) -> list[int]:
    """How many tasks ended in each of the last L{MINUTES}, the present one last."""
    found: dict[int, int] = dict(tx.execute(_ENDED, {"now": now, "minutes": MINUTES}))
    return [found.get(ago, 0) for ago in reversed(range(MINUTES))]


def unfinished_of_host(tx: sqlite3.Cursor, host: str, limit: int) -> int:
    """How many tasks of a host are not over; C{limit} means so many or more."""
    return len(listing.ids(tx, TaskQuery(states=UNFINISHED, hosts=(host,)), limit=limit))


def listed(tx: sqlite3.Cursor, host: str) -> ListedHost:
    """A host in a list."""
    last = listing.page(tx, TaskQuery(hosts=(host,)), limit=1)
    return ListedHost(host, unfinished_of_host(tx, host, MOST_COUNTED), last[0] if last else None)


def backlog(tx: sqlite3.Cursor) -> CallbackBacklog:
    """What has not reached Foreman."""
    counts = callbacks.counts(tx)
    waiting, parked = (tx.execute(_LAST_ERROR, {"state": state}).fetchone() for state in ("pending", "parked"))
    error: str | None = next((row[0] for row in (waiting, parked) if row), None)
    return CallbackBacklog(
        counts.get("pending", 0),
        counts.get("parked", 0),
        callbacks.oldest(tx),
        error,
        causes.why_untold(error, parked=waiting is None) if error is not None else None,
    )


def _groups(tx: sqlite3.Cursor, found: list[digests.CauseCount]) -> list[FailureGroup]:
    return [
        FailureGroup(
            causes.by_key(each.cause),
            each.count,
            each.last_at,
            plans.summary(tx, each.example),
            _last_line(tx, each.example) or _error(tx, each),
        )
        for each in found
    ]


def _last_line(tx: sqlite3.Cursor, plan_id: str) -> str:
    chunks, _ = output.last(tx, plan_id, _ENOUGH)
    lines = "".join(chunk.text for chunk in chunks).splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")[-_LONGEST_LINE:]


def _error(tx: sqlite3.Cursor, failed: digests.CauseCount) -> str:
    """What went wrong in a task that was no job: the first line of its first error."""
    row = tx.execute(_ERROR, (failed.example,)).fetchone() if failed.cause == causes.STEP.key else None
    return row[0].partition("\n")[0][:_LONGEST_LINE] if row is not None else ""
