"""What the database knows that helps to find out what is wrong, read beside the service or without it.

Neither scripts nor what they printed, nor the texts of errors, which may quote both: those are only in L{everything}.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from smartdyn.errors import PlanNotFound
from smartdyn.model.query import FAILED, TaskQuery
from smartdyn.model.wire import format_time
from smartdyn.store import archive, callbacks, cleaning, digests, insight, listing, output, plans, steps
from smartdyn.store.beside import reading, schema

_FAILED_TASKS: Final = 50
_CAUSES_SINCE: Final = 30 * 86400.0
_OUTPUT: Final = 1_000_000
"""Characters at the end of an output that are enough."""

_SHORTEST_ID: Final = 4
_LAST: Final = "\U0010ffff"

_BY_STATE = "SELECT state, result, count(*) FROM plans GROUP BY state, result ORDER BY state, result"
_CAUSE = "SELECT cause FROM digests WHERE plan_id = ?"
_SIZE_OF_OUTPUT = "SELECT count(*), coalesce(sum(length(text)), 0) FROM output_chunks WHERE plan_id = ?"
_FIND = "SELECT id FROM plans WHERE id >= ? AND id < ? LIMIT 2"
_WORLDS = "SELECT hostname, pid, started_at, stopped_at FROM worlds ORDER BY started_at DESC LIMIT 20"


def numbers(path: Path, now: float) -> dict[str, Any]:
    """Sizes, how many tasks are in which state, why they failed, and the lives of the service.

    @raise smartdyn.errors.StoreError: the database cannot be read.
    """
    with reading(path) as tx:
        tx.execute("BEGIN")
        return {
            "schema": schema(tx),
            "bytes in use": cleaning.size(tx),
            "files": {each.name: each.stat().st_size for each in sorted(path.parent.glob(f"{path.name}*"))},
            "tasks": [
                {"state": state, "result": result, "count": count} for state, result, count in tx.execute(_BY_STATE)
            ],
            "callbacks": callbacks.counts(tx),
            "backlog": asdict(insight.backlog(tx)),
            "causes of 30 days": [asdict(each) for each in digests.causes(tx, now - _CAUSES_SINCE)],
            "lives of the service": [
                {"host": host, "pid": pid, "started_at": format_time(started), "stopped_at": format_time(stopped)}
                for host, pid, started, stopped in tx.execute(_WORLDS)
            ],
        }


def failed(path: Path) -> list[dict[str, Any]]:
    """The last tasks that failed, in short.

    @raise smartdyn.errors.StoreError: the database cannot be read.
    """
    with reading(path) as tx:
        tx.execute("BEGIN")
        found = listing.page(tx, TaskQuery(states=(FAILED,)), limit=_FAILED_TASKS)
        return [_task(tx, task.id) for task in found]


def in_short(path: Path, task: str) -> dict[str, Any]:
    """A task: its states, causes and times.

    @param task: its id, or how that begins.
    @raise PlanNotFound: there is none, or more than one.
    @raise smartdyn.errors.StoreError: the database cannot be read.
    """
    with reading(path) as tx:
        tx.execute("BEGIN")
        return _task(tx, _find(tx, task))


def everything(path: Path, task: str) -> tuple[dict[str, Any], str]:
    """A task with its inputs and the texts of its errors, and the end of its output.

    @param task: its id, or how that begins.
    @raise PlanNotFound: there is none, or more than one.
    @raise smartdyn.errors.StoreError: the database cannot be read.
    """
    with reading(path) as tx:
        tx.execute("BEGIN")
        plan_id = _find(tx, task)
        chunks, cut = output.last(tx, plan_id, _OUTPUT)
        text = "".join(chunk.text for chunk in chunks)
        if cut or len(text) > _OUTPUT:
            # half of a line may be half of a secret, which nobody would recognize
            text = "[the beginning is left out]\n" + text[-_OUTPUT:].partition("\n")[2]
        return archive.record(tx, plan_id), text


def _find(tx: sqlite3.Cursor, task: str) -> str:
    found = tx.execute(_FIND, (task, task + _LAST)).fetchall() if len(task) >= _SHORTEST_ID else []
    if len(found) != 1:
        raise PlanNotFound(task)
    plan_id: str = found[0][0]
    return plan_id


def _task(tx: sqlite3.Cursor, plan_id: str) -> dict[str, Any]:
    plan = plans.load(tx, plan_id)
    cause = tx.execute(_CAUSE, (plan_id,)).fetchone()
    chunks, characters = tx.execute(_SIZE_OF_OUTPUT, (plan_id,)).fetchone()
    return {
        "id": plan.id,
        "label": plan.label,
        "host": plan.host,
        "state": plan.state,
        "result": plan.result,
        "cause": cause[0] if cause else None,
        "parent": plan.caller_plan_id,
        "request_id": plan.request_id,
        "created_at": format_time(plan.created_at),
        "started_at": format_time(plan.started_at),
        "ended_at": format_time(plan.ended_at),
        "cancel_requested_at": format_time(plan.cancel_requested_at),
        "history": [{"time": format_time(each.time), "name": each.name} for each in plan.history],
        "steps": [_without_texts(archive.step_record(step)) for step in steps.of_plan(tx, plan_id).values()],
        "callbacks": [asdict(each) for each in callbacks.of_plan(tx, plan_id)],
        "output": {"chunks": chunks, "characters": characters},
    }


def _without_texts(step: dict[str, Any]) -> dict[str, Any]:
    error = step["error"]
    return {**step, "error": error and error["exception_class"]}
