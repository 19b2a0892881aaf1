"""Tasks that never ran: written through the store, with a text of the test's wherever others may put one."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartdyn.model.flows import Atom, Concurrence
from smartdyn.model.flows import Sequence as InSequence
from smartdyn.model.records import ActionRecord, HistoryEntry, Plan, Step, StepError, WholePlan
from smartdyn.model.states import PlanResult, PlanState, StepKind, StepState
from smartdyn.model.views import OutputChunk
from smartdyn.store.callbacks import EnqueueCallback, ParkCallback
from smartdyn.store.database import SqliteDatabase, Write
from smartdyn.store.output import AppendOutput
from smartdyn.store.plans import InsertPlan

_TYPES = ("stdout", "stderr", "debug")
PARENT = "00000000-0000-4000-8000-000000000000"


async def store_tasks(reactor: Any, path: Path, texts: Sequence[str], now: float) -> dict[str, str]:
    """Fill a database that no service has opened yet: a failed task for each text, and a task that launched them all.

    @param now: when the last of them was created, seconds since the epoch.
    @return: the texts by task id.
    """
    database = SqliteDatabase(reactor, path)
    database.open()
    try:
        begun = now - len(texts) * 0.001
        writes: list[Write] = [InsertPlan(_whole(PARENT, "all", begun, None))]
        found = {}
        for number, text in enumerate(texts, 1):
            task_id = str(uuid.UUID(int=number))
            found[task_id] = text
            writes += _failed(task_id, text, begun + number * 0.001)
            writes += [EnqueueCallback(task_id, 1, {"task_id": text}, now, 1), ParkCallback(number, text)]
        await database.commit(*writes)
    finally:
        await database.close()
    return found


def _failed(task_id: str, text: str, at: float) -> list[Write]:
    chunks = [OutputChunk(position, type, at, f"{text}\n") for position, type in enumerate(_TYPES)]
    return [InsertPlan(_whole(task_id, text, at, PARENT)), *(AppendOutput(task_id, 1, chunk) for chunk in chunks)]


def _whole(task_id: str, text: str, at: float, parent: str | None) -> WholePlan:
    error = StepError(text, text, (text, text))
    caller_action_id = None if parent is None else 1
    plan = Plan(
        id=task_id,
        created_at=at,
        state=PlanState.STOPPED,
        result=PlanResult.ERROR,
        label=text,
        root_plan_step_id=1,
        run_flow=Concurrence((Atom(2),)),
        finalize_flow=InSequence(),
        step_ids=(1, 2),
        started_at=at,
        ended_at=at,
        history=(HistoryEntry(int(at), text, text),),
        caller_plan_id=parent,
        caller_action_id=caller_action_id,
        host=text,
        request_id=text,
    )
    steps = {
        1: Step(task_id, 1, StepKind.PLAN, 1, text, StepState.SUCCESS, started_at=at, ended_at=at),
        2: Step(task_id, 2, StepKind.RUN, 1, text, StepState.ERROR, error, text, started_at=at, ended_at=at),
    }
    given = {"hostname": text, "script": text, "ssh_user": text, text: [text, {text: text}]}
    action = ActionRecord(
        task_id,
        1,
        text,
        1,
        2,
        caller_plan_id=parent,
        caller_action_id=caller_action_id,
        input=given,
        output={text: text},
    )
    return WholePlan(plan, steps, {1: action})


@dataclass(frozen=True)
class Damage:
    """Makes a task unreadable."""

    plan_id: str

    def apply(self, tx: sqlite3.Cursor) -> None:
        """Cut its output off."""
        tx.execute("UPDATE actions SET output = '{' WHERE plan_id = ?", (self.plan_id,))
