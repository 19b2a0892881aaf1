"""What the service says of itself, what the database holds, and what C{smartdyn doctor} finds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from smartdyn.doctor import report
from smartdyn.doctor.examine import examine
from smartdyn.doctor.registry import KINDS
from smartdyn.store import casefile, checkup
from smartdyn.support.case import Case, Collector, Piece


def _asked(path: str, name: str) -> Callable[[Case], Iterator[Piece]]:
    """Asks the service."""

    def collect(case: Case) -> Iterator[Piece]:
        text = case.ask(path).decode(errors="replace")
        yield Piece(name, json.loads(text) if name.endswith(".json") else text)

    return collect


def _queue(case: Case) -> Iterator[Piece]:
    """Why a task is stuck may quote what it was given, so that is left out."""
    found = json.loads(case.ask("/dynflow/api/queue"))
    stuck = [{name: value for name, value in each.items() if name != "reason"} for each in found["stuck"]]
    yield Piece("service/queue.json", {**found, "stuck": stuck})


def _log(case: Case) -> Iterator[Piece]:
    """The lines that the service keeps in memory, one JSON object a line, so that they can be read like a log."""
    found = json.loads(case.ask("/logs"))
    yield Piece("service/log-info.json", found["info"])
    yield Piece("service/log.json", found["logs"])


def _check(case: Case) -> Iterator[Piece]:
    context = case.context
    key_file = context.settings.secrets_key_file or f"{context.settings.database}.key"
    found = checkup.examine(context.database, context.path(key_file))
    yield Piece("database/check.txt", "\n".join(found.problems or ("It is sound.",)) + "\n")


def _numbers(case: Case) -> Iterator[Piece]:
    yield Piece("database/numbers.json", casefile.numbers(case.context.database, case.context.now()))


def _failed(case: Case) -> Iterator[Piece]:
    yield Piece("tasks/failed.json", casefile.failed(case.context.database))


def _chosen(task: str) -> Callable[[Case], Iterator[Piece]]:
    name = re.sub(r"[^\w-]", "_", task)

    def collect(case: Case) -> Iterator[Piece]:
        database = case.context.database
        yield Piece(f"tasks/{name}.json", casefile.in_short(database, task))
        if case.with_output:
            record, output = casefile.everything(database, task)
            yield Piece(f"tasks/{name}.record.json", record)
            yield Piece(f"tasks/{name}.output.txt", output)

    return collect


def _doctor(case: Case) -> Iterator[Piece]:
    yield Piece("doctor.json", json.loads(report.as_json(examine(case.context, KINDS))))


def of_tasks(case: Case) -> Iterator[Collector]:
    """A collector for each task that the case is about."""
    for task in case.tasks:
        yield Collector(f"task {task}", "states, causes and times of a task", _chosen(task))


COLLECTORS: Final = (
    Collector("doctor", "what `smartdyn doctor` finds", _doctor),
    Collector("live", "whether the service answers", _asked("/health/live", "service/live.json")),
    Collector("ready", "why the service cannot do its work, if so", _asked("/health/ready", "service/ready.json")),
    Collector("version", "the version of the running service", _asked("/version", "service/version.json")),
    Collector("features", "what it offers to Foreman", _asked("/v2/features", "service/features.json")),
    Collector("queue", "what runs, waits and is stuck", _queue),
    Collector("metrics", "its numbers", _asked("/metrics", "service/metrics.txt")),
    Collector("log", "the last lines of its log", _log),
    Collector("check", "whether the database and its key are sound", _check),
    Collector("numbers", "sizes, states and causes", _numbers),
    Collector("failed", "the last tasks that failed: states, causes and times", _failed),
)
