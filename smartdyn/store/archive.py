"""What is kept elsewhere of plans before they are deleted: a line of JSON for each, in a file for each day."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smartdyn.model import wire
from smartdyn.model.records import Step
from smartdyn.store import callbacks, output, plans
from smartdyn.store.json import dumps


def record(tx: sqlite3.Cursor, plan_id: str) -> dict[str, Any]:
    """Everything about a plan, without its secrets.

    @raise smartdyn.errors.PlanNotFound: there is none.
    """
    whole = plans.load_whole(tx, plan_id)
    return {
        **wire.status_hash(whole.plan, whole.steps.values(), whole.actions, {}),
        "host": whole.plan.host,
        "request_id": whole.plan.request_id,
        "created_at": wire.format_time(whole.plan.created_at),
        "steps": [_step(step) for step in whole.steps.values()],
        "output_chunks": {
            str(action_id): [chunk.to_json() for chunk in chunks]
            for action_id, chunks in output.of_plan(tx, plan_id).items()
        },
        "callbacks": [asdict(callback) for callback in callbacks.of_plan(tx, plan_id)],
    }


def append(folder: Path, records: Iterable[dict[str, Any]], now: float) -> Path:
    """Add records to the file of the day; they are on the disk when this returns.

    @raise OSError: they cannot be written.
    """
    path = folder / f"plans-{datetime.fromtimestamp(now, UTC):%Y%m%d}.jsonl"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        for each in records:
            file.write(dumps(each) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return path


def _step(step: Step) -> dict[str, Any]:
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
    }
