"""The delayed_plans and plan_dependencies tables: plans that are to be planned later."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smartdyn.model.records import Delay
from smartdyn.model.views import Waiting
from smartdyn.store.json import dumps, loads

_INSERT = "INSERT INTO delayed_plans (plan_id, start_at, start_before, frozen, args) VALUES (?, ?, ?, ?, ?)"
_CHAIN = "INSERT OR IGNORE INTO plan_dependencies (plan_id, blocked_by) SELECT ?, id FROM plans WHERE id = ?"
_FREEZE = "UPDATE delayed_plans SET frozen = ?, start_at = coalesce(?, start_at) WHERE plan_id = ?"
_DELETE = "DELETE FROM delayed_plans WHERE plan_id = ?"
_LOAD = "SELECT start_at, start_before, frozen, args FROM delayed_plans WHERE plan_id = ?"
_BLOCKED = """
    SELECT 1 FROM plan_dependencies JOIN plans ON plans.id = blocked_by
    WHERE plan_dependencies.plan_id = delayed_plans.plan_id AND plans.state <> 'stopped'
"""
_READY = f"""
    SELECT plan_id FROM delayed_plans
    WHERE frozen = 0
        AND (start_before <= :now OR ((start_at IS NULL OR start_at <= :now) AND NOT EXISTS ({_BLOCKED})))
    ORDER BY start_at, plan_id LIMIT :limit
"""
_NEXT = """
    SELECT min(at) FROM (
        SELECT min(start_at) AS at FROM delayed_plans WHERE frozen = 0 AND start_at > :now
        UNION ALL SELECT min(start_before) FROM delayed_plans WHERE frozen = 0 AND start_before > :now
    )
"""
_WAITING = """
    SELECT EXISTS (SELECT 1 FROM delayed_plans CROSS JOIN plan_dependencies USING (plan_id) WHERE frozen = 0)
"""
_FAILED = """
    SELECT plans.id FROM plan_dependencies JOIN plans ON plans.id = blocked_by
    WHERE plan_dependencies.plan_id = ? AND plans.state = 'stopped' AND plans.result = 'error' ORDER BY plans.id
"""
_TIMES = "SELECT start_at, start_before, frozen FROM delayed_plans WHERE plan_id = ?"
_BLOCKED_BY = """
    SELECT blocked_by FROM plan_dependencies JOIN plans ON plans.id = blocked_by
    WHERE plan_dependencies.plan_id = ? AND plans.state <> 'stopped' ORDER BY blocked_by LIMIT ?
"""
_BLOCKS = """
    SELECT plan_id FROM plan_dependencies JOIN plans ON plans.id = plan_id
    WHERE blocked_by = ? AND plans.state = 'scheduled' ORDER BY plan_id LIMIT ?
"""
_PREREQUISITES = "SELECT blocked_by FROM plan_dependencies WHERE plan_id = ? ORDER BY blocked_by"


@dataclass(frozen=True, slots=True)
class InsertDelayed:
    """Puts a plan off.

    @param args: what its planning will be given, in JSON.
    @param after: plans that must have stopped before; those that are gone already do not matter.
    """

    plan_id: str
    delay: Delay
    args: Sequence[Any]

    def apply(self, tx: sqlite3.Cursor) -> None:
        delay = self.delay
        tx.execute(_INSERT, (self.plan_id, delay.start_at, delay.start_before, delay.frozen, dumps(list(self.args))))
        tx.executemany(_CHAIN, [(self.plan_id, prerequisite) for prerequisite in delay.after])


@dataclass(frozen=True, slots=True)
class SetFrozen:
    """Keeps a plan from being started, or lets it; and may set another time."""

    plan_id: str
    frozen: bool
    start_at: float | None = None

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_FREEZE, (self.frozen, self.start_at, self.plan_id))


@dataclass(frozen=True, slots=True)
class DeleteDelayed:
    """Forgets that a plan was put off."""

    plan_id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_DELETE, (self.plan_id,))


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is to be done now, and when to look again.

    @param ready: the plans whose time has come.
    @param next_at: when the next one's comes by itself, seconds since the epoch.
    @param has_waiting: some wait for other plans, so that the end of any may let one of them go.
    """

    ready: list[str]
    next_at: float | None
    has_waiting: bool


def schedule(tx: sqlite3.Cursor, now: float, limit: int) -> Schedule:
    """The plans that are to be started, those with the earliest time first."""
    ready = [row[0] for row in tx.execute(_READY, {"now": now, "limit": limit})]
    next_at = tx.execute(_NEXT, {"now": now}).fetchone()[0]
    return Schedule(ready, next_at, bool(tx.execute(_WAITING).fetchone()[0]))


def load(tx: sqlite3.Cursor, plan_id: str) -> tuple[Delay, list[Any]] | None:
    """How a plan was put off, and the arguments for its planning; None when it is not."""
    row = tx.execute(_LOAD, (plan_id,)).fetchone()
    if row is None:
        return None
    start_at, start_before, frozen, args = row
    after = tuple(prerequisites(tx, plan_id))
    return Delay(start_at, start_before, bool(frozen), after), loads(args)


def prerequisites(tx: sqlite3.Cursor, plan_id: str) -> list[str]:
    """The plans that a plan waits for, or waited for."""
    return [row[0] for row in tx.execute(_PREREQUISITES, (plan_id,))]


def failed_prerequisites(tx: sqlite3.Cursor, plan_id: str) -> list[str]:
    """Those of them that ended in error."""
    return [row[0] for row in tx.execute(_FAILED, (plan_id,))]


def waiting(tx: sqlite3.Cursor, plan_id: str, most: int) -> Waiting:
    """What keeps a plan from beginning, and which plans wait for it.

    @param most: how many plans are named of each kind.
    """
    start_at, start_before, frozen = tx.execute(_TIMES, (plan_id,)).fetchone() or (None, None, False)
    blocked_by, blocks = (
        tuple(row[0] for row in tx.execute(statement, (plan_id, most))) for statement in (_BLOCKED_BY, _BLOCKS)
    )
    return Waiting(start_at, start_before, bool(frozen), blocked_by, blocks)
