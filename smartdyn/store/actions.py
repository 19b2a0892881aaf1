"""The actions table: statements and row loaders."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from smartdyn.model.records import ActionRecord
from smartdyn.store.json import dumps, loads

_COLUMNS = (
    "plan_id, id, class_name, plan_step_id, run_step_id, finalize_step_id, caller_plan_id, caller_action_id, "
    "input, output"
)
_INSERT = f"INSERT INTO actions ({_COLUMNS}) VALUES ({', '.join('?' * 10)})"
_UPDATE = "UPDATE actions SET input = ?, output = ? WHERE plan_id = ? AND id = ?"
_UPDATE_OUTPUT = "UPDATE actions SET output = ? WHERE plan_id = ? AND id = ?"
_DELETE_OF_PLAN = "DELETE FROM actions WHERE plan_id = ?"
_OF_PLAN = f"SELECT {_COLUMNS} FROM actions WHERE plan_id = ? ORDER BY id"
_ONE = f"SELECT {_COLUMNS} FROM actions WHERE plan_id = ? AND id = ?"


@dataclass(frozen=True, slots=True)
class SaveAction:
    """Stores an action's input and output as they are after a call."""

    action: ActionRecord

    def apply(self, tx: sqlite3.Cursor) -> None:
        action = self.action
        tx.execute(_UPDATE, (dumps(action.input), dumps(action.output), action.plan_id, action.id))


@dataclass(frozen=True, slots=True)
class SaveOutput:
    """Stores an action's output alone: its input, with a whole script in it, has not changed."""

    action: ActionRecord

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_UPDATE_OUTPUT, (dumps(self.action.output), self.action.plan_id, self.action.id))


def insert(tx: sqlite3.Cursor, actions: Iterable[ActionRecord]) -> None:
    """Store the actions of a new plan."""
    tx.executemany(_INSERT, [_row(action) for action in actions])


def delete(tx: sqlite3.Cursor, plan_id: str) -> None:
    """Remove all actions of a plan."""
    tx.execute(_DELETE_OF_PLAN, (plan_id,))


def of_plan(tx: sqlite3.Cursor, plan_id: str) -> dict[int, ActionRecord]:
    """All actions of a plan, by id."""
    return {action.id: action for action in map(_action, tx.execute(_OF_PLAN, (plan_id,)))}


def load(tx: sqlite3.Cursor, plan_id: str, action_id: int) -> ActionRecord | None:
    """One action."""
    row = tx.execute(_ONE, (plan_id, action_id)).fetchone()
    return None if row is None else _action(row)


def _row(action: ActionRecord) -> tuple[Any, ...]:
    return (
        action.plan_id,
        action.id,
        action.class_name,
        action.plan_step_id,
        action.run_step_id,
        action.finalize_step_id,
        action.caller_plan_id,
        action.caller_action_id,
        dumps(action.input),
        dumps(action.output),
    )


def _action(row: tuple[Any, ...]) -> ActionRecord:
    *fields, input, output = row
    return ActionRecord(*(*fields, loads(input), loads(output)))
