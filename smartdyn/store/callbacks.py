"""The callbacks table: what Foreman is still to be told, and how that went."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from smartdyn.model.views import CallbackView
from smartdyn.store.json import dumps, loads

_ENQUEUE = """
    INSERT OR IGNORE INTO callbacks
        (plan_id, action_id, data_action_id, callback, data, request_id, created_at, next_attempt_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_RETRY = """
    UPDATE callbacks
    SET attempts = attempts + 1, last_error = ?, next_attempt_at = ?, callback = coalesce(?, callback) WHERE id = ?
"""
_DELIVERED = """
    UPDATE callbacks SET state = 'delivered', attempts = attempts + 1, last_error = NULL, delivered_at = ? WHERE id = ?
"""
_PARK = "UPDATE callbacks SET state = 'parked', attempts = attempts + 1, last_error = ? WHERE id = ?"
_SEND_AGAIN = """
    UPDATE callbacks SET state = 'pending', attempts = 0, last_error = NULL, created_at = :at, next_attempt_at = :at
    WHERE state = 'parked' AND (:plan_id IS NULL OR plan_id = :plan_id)
"""
_PARKED = "SELECT count(*) FROM callbacks WHERE state = 'parked' AND (:plan_id IS NULL OR plan_id = :plan_id)"
_DUE = """
    SELECT id, plan_id, action_id, data_action_id, callback, data, request_id, attempts, created_at
    FROM callbacks INDEXED BY callbacks_due
    WHERE state = 'pending' AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?
"""
_NEXT = """
    SELECT min(next_attempt_at) FROM callbacks INDEXED BY callbacks_due WHERE state = 'pending' AND next_attempt_at > ?
"""
_OF_PLAN = """
    SELECT state, attempts, last_error, next_attempt_at, delivered_at FROM callbacks WHERE plan_id = ? ORDER BY id
"""
_OLDEST = "SELECT min(created_at) FROM callbacks WHERE state = 'pending'"
_PENDING = "SELECT count(*) FROM callbacks WHERE state = 'pending'"
_COUNTS = "SELECT state, count(*) FROM callbacks GROUP BY state"


@dataclass(frozen=True, slots=True)
class EnqueueCallback:
    """Promises that Foreman will be told; once per action, however often it is written.

    @param callback: Foreman's own words for whom it is (task id and step id). A list stands for all plans of a group:
        objects with the C{plan_id} whose first action has the data, and C{callback}.
    @param data_action_id: the action whose output is the data; it is read when it is sent, not stored twice.
    @param data: the data itself, when it is not an action's output.
    """

    plan_id: str
    action_id: int
    callback: Any
    at: float
    data_action_id: int | None = None
    data: Any = None
    request_id: str | None = None

    def apply(self, tx: sqlite3.Cursor) -> None:
        data = None if self.data is None else dumps(self.data)
        values = (self.plan_id, self.action_id, self.data_action_id, dumps(self.callback), data, self.request_id)
        tx.execute(_ENQUEUE, (*values, self.at, self.at))


@dataclass(frozen=True, slots=True)
class RetryCallback:
    """Notes that Foreman did not take it, and when to try again.

    @param callback: what is left of it, when Foreman took a part.
    """

    id: int
    error: str
    next_attempt_at: float
    callback: Any = None

    def apply(self, tx: sqlite3.Cursor) -> None:
        left = None if self.callback is None else dumps(self.callback)
        tx.execute(_RETRY, (self.error, self.next_attempt_at, left, self.id))


@dataclass(frozen=True, slots=True)
class MarkDelivered:
    """Notes that Foreman took it."""

    id: int
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_DELIVERED, (self.at, self.id))


@dataclass(frozen=True, slots=True)
class ParkCallback:
    """Notes that Foreman will not take it, so that trying again is no use."""

    id: int
    error: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_PARK, (self.error, self.id))


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Has what was parked sent again, as if it had been promised now: it is tried for as long as a new one.

    @param plan_id: whose callbacks; None for all.
    """

    at: float
    plan_id: str | None = None

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_SEND_AGAIN, {"at": self.at, "plan_id": self.plan_id})


@dataclass(frozen=True, slots=True)
class PendingCallback:
    """A callback that is to be sent."""

    id: int
    plan_id: str
    action_id: int
    data_action_id: int | None
    callback: Any
    data: Any
    request_id: str | None
    attempts: int
    created_at: float


def due(tx: sqlite3.Cursor, now: float, limit: int) -> list[PendingCallback]:
    """The callbacks whose time has come, the longest waiting first."""
    return [
        PendingCallback(id, plan_id, action_id, data_action_id, loads(callback), data and loads(data), *rest)
        for id, plan_id, action_id, data_action_id, callback, data, *rest in tx.execute(_DUE, (now, limit))
    ]


def next_due_at(tx: sqlite3.Cursor, now: float) -> float | None:
    """When the first of the others is to be sent."""
    at: float | None = tx.execute(_NEXT, (now,)).fetchone()[0]
    return at


def of_plan(tx: sqlite3.Cursor, plan_id: str) -> list[CallbackView]:
    """What became of a plan's callbacks."""
    return [CallbackView(*row) for row in tx.execute(_OF_PLAN, (plan_id,))]


def parked(tx: sqlite3.Cursor, plan_id: str | None = None) -> int:
    """How many callbacks are not sent any more, of one plan or of all."""
    count: int = tx.execute(_PARKED, {"plan_id": plan_id}).fetchone()[0]
    return count


def pending(tx: sqlite3.Cursor) -> int:
    """How many callbacks are still sent; what has been delivered is not looked at."""
    count: int = tx.execute(_PENDING).fetchone()[0]
    return count


def counts(tx: sqlite3.Cursor) -> dict[str, int]:
    """How many callbacks are in which state."""
    return dict(tx.execute(_COUNTS))


def oldest(tx: sqlite3.Cursor) -> float | None:
    """When the longest waiting one was promised."""
    at: float | None = tx.execute(_OLDEST).fetchone()[0]
    return at
