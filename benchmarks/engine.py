"""Execution plans a second: planned, committed, executed and stopped, on a database file with full durability."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from smartdyn.actions.action import Action
from smartdyn.actions.registry import Registry
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.world import World
from smartdyn.model.ids import random_id
from smartdyn.store.database import SqliteDatabase
from smartdyn.store.vault import Vault

PLANS = 1000
ROUNDS = 5
AT_ONCE = 50


class Ordinary(Action):
    """Has its start committed before it runs, as an action with effects outside must."""

    class_name: ClassVar[str] = "Ordinary"

    def run(self) -> None:
        """Do nothing."""


class Transactional(Ordinary):
    """Only decides, so that one commit is enough."""

    class_name: ClassVar[str] = "Transactional"
    transactional: ClassVar[bool] = True


def main() -> None:
    """Print medians of several rounds."""
    try:
        react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))
    except SystemExit as ending:
        if ending.code:
            raise


async def measure(reactor: Any) -> None:
    """Both kinds of actions, alternating."""
    with tempfile.TemporaryDirectory(prefix="smartdyn-bench-") as folder:
        database = SqliteDatabase(reactor, Path(folder, "engine.sqlite"))
        database.open()
        registry = Registry((Ordinary, Transactional))
        world = World(reactor, time.time, random_id, database, Vault(bytes(32)), registry)
        print(f"one-step plans from request to stopped, {AT_ONCE} at once, median of {ROUNDS} rounds of {PLANS}:")
        found: dict[type[Action], list[tuple[float, float]]] = {Ordinary: [], Transactional: []}
        for _ in range(ROUNDS):
            for action, results in found.items():
                results.append(await one_round(world, action))
        for action, results in found.items():
            wall = statistics.median(result[0] for result in results)
            cpu = statistics.median(result[1] for result in results)
            print(f"  {action.name():14}{wall:8.0f}/s    {cpu * 1000:.2f} ms CPU each")
        await world.stop()
        await database.close()


async def one_round(world: World, action: type[Action]) -> tuple[float, float]:
    """Plans a second, and CPU seconds for one."""
    began, used = time.perf_counter(), time.process_time()
    for _ in range(0, PLANS, AT_ONCE):
        ended: list[Deferred[Any]] = []
        for _ in range(AT_ONCE):
            planned = world.plan(PlanRequest(action, (), random_id()))
            ended.append(world.when_ended(planned.whole.plan.id))
            ended.append(Deferred.fromCoroutine(world.accept([planned])))
        await gatherResults(ended)
    return PLANS / (time.perf_counter() - began), (time.process_time() - used) / PLANS


if __name__ == "__main__":
    main()
