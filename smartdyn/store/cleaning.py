"""Deleting plans that are over: which ones, and how.

A plan is kept as long as somebody needs it: its callback is still to be delivered, the plan that started it is still
there to count it, or a plan that waits for its result has not begun.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from smartdyn.store import digests
from smartdyn.store.json import dumps

_IS_OVER = """
    state = 'stopped' AND ended_at <= :cutoff
        AND NOT EXISTS (
            SELECT 1 FROM callbacks
            WHERE callbacks.plan_id = plan.id AND (callbacks.state = 'pending' OR callbacks.delivered_at > :cutoff)
        )
        AND NOT EXISTS (
            SELECT 1 FROM plans AS parent
            WHERE parent.id = plan.caller_plan_id AND (
                parent.state <> 'stopped' OR parent.ended_at > :cutoff
                OR EXISTS (
                    SELECT 1 FROM callbacks INDEXED BY sqlite_autoindex_callbacks_1
                    WHERE callbacks.plan_id = parent.id AND callbacks.state = 'pending'
                )
            )
        )
        AND NOT EXISTS (
            SELECT 1 FROM plan_dependencies JOIN plans AS waiting ON waiting.id = plan_dependencies.plan_id
            WHERE plan_dependencies.blocked_by = plan.id AND waiting.state = 'scheduled'
        )
"""
_OVER = f"SELECT id FROM plans AS plan INDEXED BY plans_by_end WHERE {_IS_OVER} ORDER BY ended_at LIMIT :limit"
_OVER_AMONG = f"SELECT id FROM plans AS plan WHERE id IN (SELECT value FROM json_each(:ids)) AND {_IS_OVER}"
_DELETE = "DELETE FROM plans WHERE id IN (SELECT value FROM json_each(?)) AND state = 'stopped'"
_DELETE_EVENTS = "DELETE FROM planned_events WHERE plan_id IN (SELECT value FROM json_each(?))"
_LET_GO = """
    UPDATE plans SET caller_plan_id = NULL, caller_action_id = NULL
    WHERE caller_plan_id IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM plans AS parent WHERE parent.id = plans.caller_plan_id)
"""
_SIZE = """
    SELECT (pages.page_count - free.freelist_count) * size.page_size
    FROM pragma_page_count AS pages, pragma_freelist_count AS free, pragma_page_size AS size
"""


@dataclass(frozen=True, slots=True)
class DeletePlans:
    """Deletes stopped plans with everything that belongs to them; others of these ids are left alone.

    Plans that they started, and that somebody still needs, stand by themselves from then on, so that lists have them.
    """

    plan_ids: Sequence[str]

    def apply(self, tx: sqlite3.Cursor) -> None:
        if self.plan_ids:
            ids = dumps(list(self.plan_ids))
            digests.forget(tx, ids)
            tx.execute(_DELETE, (ids,))
            tx.execute(_DELETE_EVENTS, (ids,))
            tx.execute(_LET_GO, (ids,))


def over(tx: sqlite3.Cursor, cutoff: float, limit: int) -> list[str]:
    """The plans that ended at C{cutoff} at the latest and that nobody needs any more, the oldest first."""
    return [row[0] for row in tx.execute(_OVER, {"cutoff": cutoff, "limit": limit})]


def over_among(tx: sqlite3.Cursor, cutoff: float, plan_ids: Sequence[str]) -> list[str]:
    """Those of some plans that L{over} would find."""
    return [row[0] for row in tx.execute(_OVER_AMONG, {"cutoff": cutoff, "ids": dumps(list(plan_ids))})]


def size(tx: sqlite3.Cursor) -> int:
    """Bytes of the database that are in use."""
    return int(tx.execute(_SIZE).fetchone()[0])
