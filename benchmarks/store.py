"""Durable units of work a second: group commit against one transaction each through plain adbapi, in one run."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from smartdyn.store.database import SqliteDatabase, configure
from smartdyn.store.worlds import StartWorld

UNITS = 2000
ROUNDS = 5
AT_ONCE = 100


def main() -> None:
    """Print medians of several rounds."""
    try:
        react(lambda reactor: Deferred.fromCoroutine(compare(reactor)))
    except SystemExit as ending:
        if ending.code:
            raise


async def compare(reactor: Any) -> None:
    """Both ways, alternating."""
    with tempfile.TemporaryDirectory(prefix="smartdyn-bench-") as folder:
        database = SqliteDatabase(reactor, Path(folder, "group.sqlite"))
        database.open()
        plain = adbapi.ConnectionPool(
            "sqlite3",
            str(Path(folder, "plain.sqlite")),
            check_same_thread=False,
            cp_min=1,
            cp_max=1,
            cp_openfun=configure,
            cp_reactor=reactor,
        )
        plain.start()
        await plain.runOperation(
            "CREATE TABLE worlds (id TEXT PRIMARY KEY, hostname TEXT, pid INTEGER, started_at REAL)"
        )
        grouped, single = [], []
        for number in range(ROUNDS):
            grouped.append(await rate(lambda name: database.commit(StartWorld(name, "h", 1, 0.0)), number))
            single.append(
                await rate(
                    lambda name: plain.runOperation("INSERT INTO worlds VALUES (?, ?, ?, ?)", (name, "h", 1, 0.0)),
                    number,
                )
            )
        plain.close()
        await database.close()
    ours, theirs = statistics.median(grouped), statistics.median(single)
    print(f"durable units of work, {AT_ONCE} at once, median of {ROUNDS} rounds of {UNITS}:")
    print(f"  group commit {ours:8.0f}/s")
    print(f"  plain adbapi {theirs:8.0f}/s    ratio {ours / theirs:.1f}\n")


async def rate(write: Callable[[str], Any], number: int) -> float:
    """Units a second."""
    began = time.perf_counter()
    for start in range(0, UNITS, AT_ONCE):
        await gatherResults([write(f"{number}-{start + each}") for each in range(AT_ONCE)])
    return UNITS / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
