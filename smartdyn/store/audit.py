"""The audit tables: who did what to tasks, kept when these are deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartdyn.model.audit import Actor, AuditEntry, AuditQuery, BulkProgress
from smartdyn.store.json import dumps
from smartdyn.store.names import literal

_BEGIN = """
    INSERT INTO audit (key, at, who, address, via, what, subject, tasks, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_END = "UPDATE audit SET outcome = ?, ended_at = ? WHERE key = ?"
_ADD_TASKS = """
    INSERT OR IGNORE INTO audit_tasks (plan_id, audit_id)
    SELECT value, audit.id FROM json_each(?), audit WHERE audit.key = ?
"""
_ADD_PROBLEM = """
    UPDATE audit_tasks SET problem = ? WHERE plan_id = ? AND audit_id = (SELECT id FROM audit WHERE key = ?)
"""
_COLUMNS = "audit.id, at, who, address, via, what, subject, outcome, key, tasks, ended_at"
_FIND = f"""
    SELECT {_COLUMNS} FROM audit
    WHERE id < :before AND {{conditions}} ORDER BY id DESC LIMIT :limit
"""
_ABOUT = """
    id IN (SELECT id FROM audit WHERE subject = :about UNION SELECT audit_id FROM audit_tasks WHERE plan_id = :about)
"""
_BY_KEY = f"SELECT {_COLUMNS} FROM audit WHERE key = ?"
_DONE_TO = "SELECT count(*), count(problem) FROM audit_tasks WHERE audit_id = ?"
_PROBLEMS = "SELECT plan_id, problem FROM audit_tasks WHERE audit_id = ? AND problem IS NOT NULL LIMIT ?"
_WHO = "SELECT who FROM audit WHERE subject = ? AND what = ? AND at <= ? ORDER BY id DESC LIMIT 1"
_OLD = "SELECT 1 FROM audit WHERE at < ? LIMIT 1"
_FORGET = "DELETE FROM audit WHERE at < ?"
_NO_END = 2**62


@dataclass(frozen=True, slots=True)
class BeginAudit:
    """Remembers what somebody is about to do."""

    entry: AuditEntry

    def apply(self, tx: sqlite3.Cursor) -> None:
        entry, by = self.entry, self.entry.by
        values = (entry.key, entry.at, by.name, by.address, by.via, entry.what, entry.subject, entry.tasks)
        tx.execute(_BEGIN, (*values, entry.outcome))


@dataclass(frozen=True, slots=True)
class EndAudit:
    """Remembers what came of it."""

    key: str
    outcome: str
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_END, (self.outcome, self.at, self.key))


@dataclass(frozen=True, slots=True)
class AddTasks:
    """Remembers to which tasks it is about to be done."""

    key: str
    plan_ids: Sequence[str]

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_ADD_TASKS, (dumps(list(self.plan_ids)), self.key))


@dataclass(frozen=True, slots=True)
class AddProblems:
    """Remembers to which of them it could not be done, and why."""

    key: str
    problems: Mapping[str, str]

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.executemany(_ADD_PROBLEM, [(text, plan_id, self.key) for plan_id, text in self.problems.items()])


@dataclass(frozen=True, slots=True)
class ForgetAudit:
    """Deletes what happened before C{at}."""

    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_FORGET, (self.at,))


def is_old(tx: sqlite3.Cursor, at: float) -> bool:
    """Is there an entry of before C{at}?"""
    return tx.execute(_OLD, (at,)).fetchone() is not None


def page(tx: sqlite3.Cursor, wanted: AuditQuery, before: int | None, limit: int) -> list[tuple[int, AuditEntry]]:
    """The newest entries with their numbers.

    @param before: the number of the last entry of the page before.
    """
    values: dict[str, object] = {"before": _NO_END if before is None else before, "limit": limit}
    conditions = ["1"]
    for column in ("who", "what"):
        part = getattr(wanted, column)
        if part:
            values[column] = f"%{literal(part)}%"
            conditions.append(f"{column} LIKE :{column} ESCAPE '\\'")
    for name, bound, condition in (
        ("about", wanted.about, _ABOUT),
        ("since", wanted.since, "at >= :since"),
        ("until", wanted.until, "at < :until"),
    ):
        if bound is not None:
            values[name] = bound
            conditions.append(condition)
    rows = tx.execute(_FIND.format(conditions=" AND ".join(conditions)), values)
    return [(row[0], _entry(row)) for row in rows]


def who(tx: sqlite3.Cursor, what: str, subject: str, at: float) -> str:
    """Who last wanted something done by then; empty when that is not known."""
    row = tx.execute(_WHO, (subject, what, at)).fetchone()
    return row[0] if row is not None else ""


def progress(tx: sqlite3.Cursor, key: str, most: int) -> BulkProgress | None:
    """How far a deed that is done to many tasks has come; None when there is none with this key.

    @param most: of the tasks to which it could not be done, so many are named.
    """
    row = tx.execute(_BY_KEY, (key,)).fetchone()
    if row is None:
        return None
    reached, refused = tx.execute(_DONE_TO, (row[0],)).fetchone()
    return BulkProgress(_entry(row), reached, refused, tuple(tx.execute(_PROBLEMS, (row[0], most)).fetchall()))


def _entry(row: Sequence[Any]) -> AuditEntry:
    _, at, who, address, via, what, subject, outcome, key, tasks, ended_at = row
    return AuditEntry(at, Actor(who, address, via), what, subject, outcome, key, tasks, ended_at)
