"""The plans table: statements and row loaders."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from smartdyn.errors import PlanConflict, PlanNotFound
from smartdyn.model import flows
from smartdyn.model.counts import SubPlanCounts
from smartdyn.model.records import HistoryEntry, Plan, WholePlan
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.model.views import TaskSummary
from smartdyn.store import actions, by_creation, steps
from smartdyn.store.by_creation import SUMMARY_COLUMNS
from smartdyn.store.json import dumps, loads

_COLUMNS = (
    "id, label, state, result, root_plan_step_id, run_flow, finalize_flow, step_ids, created_at, started_at, ended_at, "
    "execution_time, real_time, history, caller_plan_id, caller_action_id, host, request_id, owner, launch_digest, "
    "cancel_requested_at"
)
_INSERT = f"INSERT INTO plans ({_COLUMNS}) VALUES ({', '.join('?' * 21)})"
_UPDATE = """
    UPDATE plans SET state = ?, result = ?, started_at = ?, ended_at = ?, execution_time = ?, real_time = ?,
        history = ?, owner = ?, cancel_requested_at = coalesce(cancel_requested_at, ?)
    WHERE id = ?
"""
_UPDATE_PLANNED = """
    UPDATE plans SET label = ?, root_plan_step_id = ?, run_flow = ?, finalize_flow = ?, step_ids = ?, host = ?
    WHERE id = ?
"""
_REQUEST_CANCEL = "UPDATE plans SET cancel_requested_at = coalesce(cancel_requested_at, ?) WHERE id = ?"
_BEGIN = "UPDATE plans SET begun_at = coalesce(begun_at, ?) WHERE id = ?"
_BEGUN = "SELECT begun_at IS NOT NULL FROM plans WHERE id = ?"
_LOAD = f"SELECT {_COLUMNS} FROM plans WHERE id = ?"
_EXISTS = "SELECT 1 FROM plans WHERE id = ?"
_STATES = "SELECT id, state, result FROM plans WHERE id IN (SELECT value FROM json_each(?))"
_DIGESTS = "SELECT id, launch_digest, caller_plan_id FROM plans WHERE id IN (SELECT value FROM json_each(?))"
_COUNT = "SELECT count(*) FROM plans"
_COUNT_IN = """
    SELECT count(*) FROM plans INDEXED BY plans_by_state
    WHERE state IN (SELECT value FROM json_each(:states))
        AND (state <> 'running' OR label NOT IN (SELECT value FROM json_each(:parents)))
"""
_UNFINISHED_STATES = "'pending', 'scheduled', 'planning', 'planned', 'running', 'paused'"
_BY_STATE = f"SELECT state, count(*) FROM plans WHERE state IN ({_UNFINISHED_STATES}) GROUP BY state"
_UNFINISHED = f"""
    SELECT id FROM plans INDEXED BY plans_by_state WHERE state IN ({_UNFINISHED_STATES}) ORDER BY created_at, id
"""
_SUMMARY = f"SELECT {SUMMARY_COLUMNS} FROM plans WHERE id = ?"
_UNFINISHED_DESCENDANTS = """
    WITH RECURSIVE family (id) AS (
        VALUES (?) UNION SELECT plans.id FROM plans JOIN family ON plans.caller_plan_id = family.id
    )
    SELECT plans.id, state FROM family JOIN plans ON plans.id = family.id
    WHERE state <> 'stopped' AND plans.id <> ? ORDER BY created_at, plans.id
"""
_SUB_PLAN_STATES = """
    SELECT state, result, cancel_requested_at IS NOT NULL, owner IS NULL, count(*) FROM plans INDEXED BY plans_by_parent
    WHERE caller_plan_id = ? AND caller_action_id = ? GROUP BY 1, 2, 3, 4
"""
_UNCANCELLED_CHILDREN = """
    SELECT id FROM plans INDEXED BY plans_by_parent
    WHERE caller_plan_id = ? AND caller_action_id = ? AND state <> 'stopped' AND cancel_requested_at IS NULL
    ORDER BY created_at, id
"""


@dataclass(frozen=True, slots=True)
class InsertPlan:
    """Stores a new plan with its steps and actions.

    @raise PlanConflict: a plan with this id exists; nothing is changed.
    """

    whole: WholePlan

    def apply(self, tx: sqlite3.Cursor) -> None:
        plan = self.whole.plan
        if tx.execute(_EXISTS, (plan.id,)).fetchone():
            raise PlanConflict(plan.id)
        tx.execute(_INSERT, _row(plan))
        steps.insert(tx, self.whole.steps.values())
        actions.insert(tx, self.whole.actions.values())


@dataclass(frozen=True, slots=True)
class SavePlan:
    """Stores what changes in a plan while it is executed."""

    plan: Plan

    def apply(self, tx: sqlite3.Cursor) -> None:
        plan = self.plan
        tx.execute(
            _UPDATE,
            (
                plan.state.value,
                plan.result.value,
                plan.started_at,
                plan.ended_at,
                plan.execution_time,
                plan.real_time,
                _dump_history(plan),
                plan.owner,
                plan.cancel_requested_at,
                plan.id,
            ),
        )


@dataclass(frozen=True, slots=True)
class ReplacePlan:
    """Stores what the planning of a delayed plan has made of it."""

    whole: WholePlan

    def apply(self, tx: sqlite3.Cursor) -> None:
        plan = self.whole.plan
        steps.delete(tx, plan.id)
        actions.delete(tx, plan.id)
        tx.execute(
            _UPDATE_PLANNED,
            (
                plan.label,
                plan.root_plan_step_id,
                dumps(flows.encode(plan.run_flow)),
                dumps(flows.encode(plan.finalize_flow)),
                dumps(list(plan.step_ids)),
                plan.host,
                plan.id,
            ),
        )
        SavePlan(plan).apply(tx)
        steps.insert(tx, self.whole.steps.values())
        actions.insert(tx, self.whole.actions.values())


@dataclass(frozen=True, slots=True)
class RequestCancel:
    """Remembers that somebody wants a plan cancelled; the first time counts."""

    plan_id: str
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_REQUEST_CANCEL, (self.at, self.plan_id))


@dataclass(frozen=True, slots=True)
class MarkBegun:
    """Remembers that a plan's work outside of this service has begun."""

    plan_id: str
    at: float

    def apply(self, tx: sqlite3.Cursor) -> None:
        tx.execute(_BEGIN, (self.at, self.plan_id))


@dataclass(frozen=True, slots=True)
class Launched:
    """What is known of a plan that was launched before."""

    plan_id: str
    digest: bytes | None
    parent_id: str | None


def load(tx: sqlite3.Cursor, plan_id: str) -> Plan:
    """One plan.

    @raise PlanNotFound: there is none with this id.
    """
    row = tx.execute(_LOAD, (plan_id,)).fetchone()
    if row is None:
        raise PlanNotFound(plan_id)
    return _plan(row)


def load_whole(tx: sqlite3.Cursor, plan_id: str) -> WholePlan:
    """A plan with its steps and actions; secrets come hidden, as they are stored.

    @raise PlanNotFound: there is none with this id.
    """
    return WholePlan(load(tx, plan_id), steps.of_plan(tx, plan_id), actions.of_plan(tx, plan_id))


def exists(tx: sqlite3.Cursor, plan_id: str) -> bool:
    """Is there a plan with this id?"""
    return tx.execute(_EXISTS, (plan_id,)).fetchone() is not None


def begun(tx: sqlite3.Cursor, plan_id: str) -> bool:
    """Has a plan's work outside of this service begun?"""
    row = tx.execute(_BEGUN, (plan_id,)).fetchone()
    return bool(row and row[0])


def states(tx: sqlite3.Cursor, plan_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """State and result of the plans among C{plan_ids} that exist."""
    return {
        plan_id: {"state": state, "result": result}
        for plan_id, state, result in tx.execute(_STATES, (dumps(list(plan_ids)),))
    }


def launched(tx: sqlite3.Cursor, plan_ids: Sequence[str]) -> dict[str, Launched]:
    """The plans among C{plan_ids} that exist, with what they were launched with."""
    return {row[0]: Launched(*row) for row in tx.execute(_DIGESTS, (dumps(list(plan_ids)),))}


def count(tx: sqlite3.Cursor, wanted: Sequence[str] | None, parents: Sequence[str] = ()) -> int:
    """How many plans are in one of the states; None counts all.

    @param parents: labels of plans that only wait for others while they run: they are no work of their own.
    """
    if wanted is None:
        found = tx.execute(_COUNT)
    else:
        found = tx.execute(_COUNT_IN, {"states": dumps(list(wanted)), "parents": dumps(list(parents))})
    return int(found.fetchone()[0])


def state_counts(tx: sqlite3.Cursor) -> dict[str, int]:
    """How many plans that are not stopped are in which state."""
    return dict(tx.execute(_BY_STATE))


def unfinished(tx: sqlite3.Cursor) -> list[str]:
    """The plans that are not stopped, oldest first."""
    return [row[0] for row in tx.execute(_UNFINISHED)]


def unfinished_descendants(tx: sqlite3.Cursor, plan_id: str) -> list[tuple[str, str]]:
    """The plans started by actions of this one, or of those, that are not stopped, with their states."""
    return list(tx.execute(_UNFINISHED_DESCENDANTS, (plan_id, plan_id)))


def summary(tx: sqlite3.Cursor, plan_id: str) -> TaskSummary:
    """One plan as lists show it.

    @raise PlanNotFound: there is none with this id.
    """
    row = tx.execute(_SUMMARY, (plan_id,)).fetchone()
    if row is None:
        raise PlanNotFound(plan_id)
    return by_creation.summary(row)


def sub_plan_counts(tx: sqlite3.Cursor, plan_id: str, action_id: int) -> SubPlanCounts:
    """How the plans started by one action are doing, derived from their rows."""
    total = failed = cancelled = success = unplanned = 0
    for state, result, was_cancelled, never_executed, number in tx.execute(_SUB_PLAN_STATES, (plan_id, action_id)):
        total += number
        if state not in (PlanState.STOPPED, PlanState.PAUSED):
            continue
        if result == PlanResult.SUCCESS:
            success += number
        elif was_cancelled or result == PlanResult.CANCELLED:
            cancelled += number
        else:
            failed += number
            unplanned += number if never_executed else 0
    return SubPlanCounts(total, failed, cancelled, success, unplanned)


def uncancelled_children(tx: sqlite3.Cursor, plan_id: str, action_id: int) -> list[str]:
    """The unfinished plans started by one action that nobody has asked to end."""
    return [row[0] for row in tx.execute(_UNCANCELLED_CHILDREN, (plan_id, action_id))]


def _row(plan: Plan) -> tuple[Any, ...]:
    return (
        plan.id,
        plan.label,
        plan.state.value,
        plan.result.value,
        plan.root_plan_step_id,
        dumps(flows.encode(plan.run_flow)),
        dumps(flows.encode(plan.finalize_flow)),
        dumps(list(plan.step_ids)),
        plan.created_at,
        plan.started_at,
        plan.ended_at,
        plan.execution_time,
        plan.real_time,
        _dump_history(plan),
        plan.caller_plan_id,
        plan.caller_action_id,
        plan.host,
        plan.request_id,
        plan.owner,
        plan.launch_digest,
        plan.cancel_requested_at,
    )


def _plan(row: tuple[Any, ...]) -> Plan:
    values: Iterator[Any] = iter(row)
    return Plan(
        id=next(values),
        label=next(values),
        state=PlanState(next(values)),
        result=PlanResult(next(values)),
        root_plan_step_id=next(values),
        run_flow=flows.decode(loads(next(values))),
        finalize_flow=flows.decode(loads(next(values))),
        step_ids=tuple(loads(next(values))),
        created_at=next(values),
        started_at=next(values),
        ended_at=next(values),
        execution_time=next(values),
        real_time=next(values),
        history=tuple(HistoryEntry(*entry) for entry in loads(next(values))),
        caller_plan_id=next(values),
        caller_action_id=next(values),
        host=next(values),
        request_id=next(values),
        owner=next(values),
        launch_digest=next(values),
        cancel_requested_at=next(values),
    )


def _dump_history(plan: Plan) -> str:
    return dumps([[entry.time, entry.name, entry.world_id] for entry in plan.history])
