"""The audit table: who did what to tasks, kept when these are deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from smartdyn.model.audit import Actor, AuditEntry

_APPEND = "INSERT INTO audit (at, who, address, via, what, subject, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NEWEST = """
    SELECT id, at, who, address, via, what, subject, outcome FROM audit
    WHERE id < :before ORDER BY id DESC LIMIT :limit
"""
_OF_SUBJECT = """
    SELECT id, at, who, address, via, what, subject, outcome FROM audit
    WHERE subject = :subject AND id < :before ORDER BY id DESC LIMIT :limit
"""
_OLD = "SELECT 1 FROM audit WHERE at < ? LIMIT 1"
_FORGET = "DELETE FROM audit WHERE at < ?"
_NO_END = 2**62


@dataclass(frozen=True, slots=True)
class AppendAudit:
    """Remembers what somebody did."""

    entry: AuditEntry

    def apply(self, tx: sqlite3.Cursor) -> None:
        entry, by = self.entry, self.entry.by
        tx.execute(_APPEND, (entry.at, by.name, by.address, by.via, entry.what, entry.subject, entry.outcome))


@dataclass(frozen=True, slots=True)
class ForgetAudit:
    """Deletes what happened before C{at}."""

    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_FORGET, (self.at,))


def is_old(tx: sqlite3.Cursor, at: float) -> bool:
    """Is there an entry of before C{at}?"""
    return tx.execute(_OLD, (at,)).fetchone() is not None


def page(tx: sqlite3.Cursor, subject: str | None, before: int | None, limit: int) -> list[tuple[int, AuditEntry]]:
    """The newest entries with their numbers.

    @param subject: only what was done to this.
    @param before: the number of the last entry of the page before.
    """
    values = {"subject": subject, "before": _NO_END if before is None else before, "limit": limit}
    return [
        (number, AuditEntry(at, Actor(who, address, via), what, about, outcome))
        for number, at, who, address, via, what, about, outcome in tx.execute(
            _NEWEST if subject is None else _OF_SUBJECT, values
        )
    ]
