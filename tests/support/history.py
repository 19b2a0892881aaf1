"""Tasks of the past, written through the store: an hour of scripts that went well, or one that printed very much."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from smartdyn.model.flows import Atom
from smartdyn.model.flows import Sequence as InSequence
from smartdyn.model.records import ActionRecord, HistoryEntry, Plan, Step, WholePlan
from smartdyn.model.states import PlanResult, PlanState, StepKind, StepState
from smartdyn.model.views import OutputChunk
from smartdyn.store.database import SqliteDatabase, Write
from smartdyn.store.output import AppendOutput
from smartdyn.store.plans import InsertPlan
from tests.support.seeds import RUN_SCRIPT

TASKS = 160
_HOUR = 3600.0
_CHUNK = 1000
"""Lines of a chunk of a long output."""


async def store_history(reactor: Any, path: Path, hosts: Sequence[str], now: float) -> None:
    """Fill a database that no service has opened yet.

    @param now: when that hour ends, seconds since the epoch.
    """
    chosen = random.Random(1)
    writes: list[Write] = []
    for _ in range(TASKS):
        begun = now - _HOUR + _HOUR * chosen.betavariate(2, 1.4)
        writes += _succeeded(
            str(uuid.UUID(int=chosen.getrandbits(128), version=4)),
            chosen.choice(hosts),
            begun,
            chosen.uniform(0.4, 9.0),
        )
    await _store(reactor, path, writes)


async def store_long_output(
    reactor: Any, path: Path, lines: int, last: str, now: float, texts: Mapping[int, str] | None = None
) -> str:
    """Fill a database that no service has opened yet with a task that has printed so many lines.

    @param last: what stands in the last of them, and nowhere else.
    @param now: when it ended, seconds since the epoch.
    @param texts: what stands in some lines instead of what stands in all, by their numbers.
    @return: the task.
    """
    task_id = str(uuid.UUID(int=1))
    *plan, _ = _succeeded(task_id, "web1.example.org", now - 60.0, 60.0)
    writes: list[Write] = list(plan)
    for position, begin in enumerate(range(1, lines, _CHUNK)):
        numbers = range(begin, min(begin + _CHUNK, lines))
        text = "".join(f"{(texts or {}).get(number, _copying(number))}\n" for number in numbers)
        writes.append(AppendOutput(task_id, 1, OutputChunk(position, "stdout", now - 60.0, text)))
    writes.append(AppendOutput(task_id, 1, OutputChunk(len(writes), "stdout", now, f"{last}\n")))
    await _store(reactor, path, writes)
    return task_id


def _copying(number: int) -> str:
    return f"{number}: copying \x1b[32mok\x1b[0m, {number * 37 % 1000} files"


async def _store(reactor: Any, path: Path, writes: Sequence[Write]) -> None:
    database = SqliteDatabase(reactor, path)
    database.open()
    try:
        await database.commit(*writes)
    finally:
        await database.close()


def _succeeded(task_id: str, host: str, begun: float, took: float) -> list[Write]:
    plan = Plan(
        id=task_id,
        created_at=begun,
        state=PlanState.STOPPED,
        result=PlanResult.SUCCESS,
        label=RUN_SCRIPT,
        root_plan_step_id=1,
        run_flow=Atom(2),
        finalize_flow=InSequence(),
        step_ids=(1, 2),
        started_at=begun,
        ended_at=begun + took,
        history=(HistoryEntry(int(begun), "start execution", None), HistoryEntry(int(begun), "finish execution", None)),
        caller_plan_id=None,
        caller_action_id=None,
        host=host,
        request_id=None,
    )
    planned = Step(task_id, 1, StepKind.PLAN, 1, RUN_SCRIPT, StepState.SUCCESS, started_at=begun, ended_at=begun)
    ran = replace(planned, id=2, kind=StepKind.RUN, ended_at=begun + took, execution_time=0.02, real_time=took)
    action = ActionRecord(task_id, 1, RUN_SCRIPT, 1, 2, input={"hostname": host}, output={"exit_status": 0})
    said = OutputChunk(0, "stdout", begun + took, "done\n")
    return [InsertPlan(WholePlan(plan, {1: planned, 2: ran}, {1: action})), AppendOutput(task_id, 1, said)]
