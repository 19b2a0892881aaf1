"""Tasks as they are kept elsewhere: a line of JSON for each, without their secrets.

The cleaner writes what it is about to delete to a file for each day; L{smartdyn.store.export} writes what is asked for.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smartdyn.files import belongs_like
from smartdyn.model import wire
from smartdyn.model.records import Step
from smartdyn.store import callbacks, output, plans
from smartdyn.store.json import dumps


def line(tx: sqlite3.Cursor, plan_id: str) -> Iterator[str]:
    """Everything about a plan in a line, in pieces: its output may be larger than the memory.

    @raise smartdyn.errors.PlanNotFound: there is none.
    """
    yield dumps(record(tx, plan_id))[:-1] + ',"output_chunks":{'
    for number, action_id in enumerate(output.with_output(tx, plan_id)):
        yield f'{"," if number else ""}"{action_id}":['
        for position, chunk in enumerate(output.of_action(tx, plan_id, action_id)):
            yield ("," if position else "") + dumps(chunk.to_json())
        yield "]"
    yield "}}\n"


def lines(tx: sqlite3.Cursor, plan_ids: Iterable[str]) -> Iterator[str]:
    """The lines of several plans, in pieces."""
    for plan_id in plan_ids:
        yield from line(tx, plan_id)


def append(folder: Path, pieces: Iterable[str], now: float) -> Path:
    """Add lines to the file of the day; they are on the disk when this returns.

    @raise OSError: they cannot be written.
    """
    path = folder / f"plans-{datetime.fromtimestamp(now, UTC):%Y%m%d}.jsonl"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        belongs_like(descriptor, folder)
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    return path


def record(tx: sqlite3.Cursor, plan_id: str) -> dict[str, Any]:
    """Everything about a plan but its output.

    @raise smartdyn.errors.PlanNotFound: there is none.
    """
    whole = plans.load_whole(tx, plan_id)
    return {
        **wire.status_hash(whole.plan, whole.steps.values(), whole.actions, {}),
        "host": whole.plan.host,
        "request_id": whole.plan.request_id,
        "created_at": wire.format_time(whole.plan.created_at),
        "steps": [step_record(step) for step in whole.steps.values()],
        "callbacks": [asdict(callback) for callback in callbacks.of_plan(tx, plan_id)],
    }


def step_record(step: Step) -> dict[str, Any]:
    """A step."""
    return {
        "id": step.id,
        "class": step.kind.value,
        "action_class": step.action_class,
        "action_id": step.action_id,
        "state": step.state.value,
        "error": None if step.error is None else asdict(step.error),
        "queue": step.queue,
        "started_at": wire.format_time(step.started_at),
        "ended_at": wire.format_time(step.ended_at),
        "execution_time": step.execution_time,
        "real_time": step.real_time,
        "cancelled_at": wire.format_time(step.cancelled_at),
    }
