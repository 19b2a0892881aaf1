"""The steps table: statements and row loaders."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from smartdyn.model.records import Step, StepError
from smartdyn.model.states import StepKind, StepState
from smartdyn.store.json import dumps, loads

_COLUMNS = (
    "plan_id, id, kind, action_id, action_class, state, error, queue, children, started_at, ended_at, "
    "execution_time, real_time, progress_done, progress_weight, cancelled_at"
)
_INSERT = f"INSERT INTO steps ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"
_UPDATE = """
    UPDATE steps SET state = ?, error = ?, started_at = ?, ended_at = ?, execution_time = ?, real_time = ?,
        progress_done = ?, progress_weight = ?, cancelled_at = ?
    WHERE plan_id = ? AND id = ?
"""
_DELETE_OF_PLAN = "DELETE FROM steps WHERE plan_id = ?"
_OF_PLAN = f"SELECT {_COLUMNS} FROM steps WHERE plan_id = ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class SaveStep:
    """Stores what changes in a step while it is executed."""

    step: Step

    def apply(self, tx: sqlite3.Cursor) -> None:
        step = self.step
        tx.execute(
            _UPDATE,
            (
                step.state.value,
                _dump_error(step.error),
                step.started_at,
                step.ended_at,
                step.execution_time,
                step.real_time,
                step.progress_done,
                step.progress_weight,
                step.cancelled_at,
                step.plan_id,
                step.id,
            ),
        )


def insert(tx: sqlite3.Cursor, steps: Iterable[Step]) -> None:
    """Store the steps of a new plan."""
    tx.executemany(_INSERT, [_row(step) for step in steps])


def delete(tx: sqlite3.Cursor, plan_id: str) -> None:
    """Remove all steps of a plan."""
    tx.execute(_DELETE_OF_PLAN, (plan_id,))


def of_plan(tx: sqlite3.Cursor, plan_id: str) -> dict[int, Step]:
    """All steps of a plan, by id."""
    return {step.id: step for step in map(_step, tx.execute(_OF_PLAN, (plan_id,)))}


def _row(step: Step) -> tuple[Any, ...]:
    return (
        step.plan_id,
        step.id,
        step.kind.name,
        step.action_id,
        step.action_class,
        step.state.value,
        _dump_error(step.error),
        step.queue,
        dumps(list(step.children)),
        step.started_at,
        step.ended_at,
        step.execution_time,
        step.real_time,
        step.progress_done,
        step.progress_weight,
        step.cancelled_at,
    )


def _step(row: tuple[Any, ...]) -> Step:
    plan_id, step_id, kind, action_id, action_class, state, error, queue, children, *times = row
    return Step(
        plan_id,
        step_id,
        StepKind[kind],
        action_id,
        action_class,
        StepState(state),
        _load_error(error),
        queue,
        tuple(loads(children)),
        *times,
    )


def _dump_error(error: StepError | None) -> str | None:
    return None if error is None else dumps([error.exception_class, error.message, list(error.backtrace)])


def _load_error(text: str | None) -> StepError | None:
    if text is None:
        return None
    exception_class, message, backtrace = loads(text)
    return StepError(exception_class, message, tuple(backtrace))
