"""What a service looks like that has been at work for an hour: scripts that went well, one after the other."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    states: dict[str, Any] = {"state": StepState.SUCCESS, "started_at": begun, "ended_at": begun + took}
    steps = {
        1: Step(task_id, 1, StepKind.PLAN, 1, RUN_SCRIPT, **states),
        2: Step(task_id, 2, StepKind.RUN, 1, RUN_SCRIPT, execution_time=0.02, real_time=took, **states),
    }
    action = ActionRecord(task_id, 1, RUN_SCRIPT, 1, 2, input={"hostname": host}, output={"exit_status": 0})
    said = OutputChunk(0, "stdout", begun + took, "done\n")
    return [InsertPlan(WholePlan(plan, steps, {1: action})), AppendOutput(task_id, 1, said)]
