"""The planned_events table: events that steps are to get at a time."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from smartdyn.store.json import dumps, loads

_COLUMNS = "id, plan_id, step_id, event, due_at, optional"
_INSERT = f"INSERT INTO planned_events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM planned_events WHERE id = ?"
_DELETE_OF_STEP = "DELETE FROM planned_events WHERE plan_id = ? AND step_id = ?"
_DELETE_OF_PLAN = "DELETE FROM planned_events WHERE plan_id = ?"
_ALL = f"SELECT {_COLUMNS} FROM planned_events ORDER BY due_at, id"


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event that is to be delivered.

    @param event: in its stored form, see L{smartdyn.actions.events.EventTypes}.
    @param due_at: seconds since the epoch.
    @param optional: nobody minds when there is no such step any more.
    """

    id: str
    plan_id: str
    step_id: int
    event: Any
    due_at: float
    optional: bool


@dataclass(frozen=True, slots=True)
class InsertEvent:
    """Stores an event until it has been dealt with."""

    planned: PlannedEvent

    def apply(self, tx: sqlite3.Cursor) -> None:
        planned = self.planned
        values = (planned.id, planned.plan_id, planned.step_id, dumps(planned.event), planned.due_at, planned.optional)
        tx.execute(_INSERT, values)


@dataclass(frozen=True, slots=True)
class DeleteEvent:
    """Forgets an event: it was dealt with, or nobody can take it."""

    id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_DELETE, (self.id,))


@dataclass(frozen=True, slots=True)
class DeleteStepEvents:
    """Forgets all events for a step that has ended."""

    plan_id: str
    step_id: int

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_DELETE_OF_STEP, (self.plan_id, self.step_id))


@dataclass(frozen=True, slots=True)
class DeletePlanEvents:
    """Forgets all events for a plan that has ended."""

    plan_id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_DELETE_OF_PLAN, (self.plan_id,))


def everything(tx: sqlite3.Cursor) -> list[PlannedEvent]:
    """All events that wait, in the order of their times."""
    return [
        PlannedEvent(id, plan_id, step_id, loads(event), due_at, bool(optional))
        for id, plan_id, step_id, event, due_at, optional in tx.execute(_ALL)
    ]
