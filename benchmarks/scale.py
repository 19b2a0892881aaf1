"""What many tasks in the database cost: launches, statuses and lists beside those of an empty one."""

from __future__ import annotations

import http.client
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing

from benchmarks.launches import launcher, request
from tests.support.service import ServiceProcess

PLANS = 100_000
REPEAT = 300
ROUNDS = 5
_FILL = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :plans)
    INSERT INTO plans (id, label, state, result, root_plan_step_id, run_flow, finalize_flow, step_ids, created_at,
        started_at, ended_at, history, host, caller_plan_id, caller_action_id)
    SELECT lower(hex(randomblob(16))), label, 'stopped', iif(n % 50 = 0, 'error', 'success'), root_plan_step_id,
        run_flow, finalize_flow, step_ids, created_at - n, started_at - n, ended_at - n, history,
        'host' || (n % 1000), iif(n % 1000 = 0, NULL, 'parent' || (n / 1000)), 1
    FROM numbers, (SELECT * FROM plans LIMIT 1)
"""
_FILL_STEPS = """
    INSERT INTO steps SELECT plans.id, steps.id, kind, action_id, action_class, steps.state, error, queue, children,
        steps.started_at, steps.ended_at, steps.execution_time, steps.real_time, progress_done, progress_weight,
        cancelled_at
    FROM plans, steps WHERE steps.plan_id = :template AND plans.id <> :template
"""
_FILL_ACTIONS = """
    INSERT INTO actions (plan_id, id, class_name, plan_step_id, run_step_id, finalize_step_id, input, output)
    SELECT plans.id, actions.id, class_name, plan_step_id, run_step_id, finalize_step_id, input, output
    FROM plans, actions WHERE actions.plan_id = :template AND plans.id <> :template
"""


def main() -> None:
    """Print medians and ratios; the number of tasks may be given as an argument."""
    plans = int(sys.argv[1]) if len(sys.argv) > 1 else PLANS
    few, many = start(), start()
    fill(many, plans)
    few.start_now()
    many.start_now()
    try:
        compare(few, many, plans)
    finally:
        few.stop_now()
        many.stop_now()


def start() -> ServiceProcess:
    """A service that has run one task."""
    service = ServiceProcess({"log_level": "WARN", "execution_plan_cleaner_age": 0})
    service.start_now()
    launcher(service)({"operation": "single", "input": {"action_class": "Rig::Noop", "action_input": {}}})
    service.stop_now()
    return service


def fill(service: ServiceProcess, plans: int) -> None:
    """Copy that task again and again."""
    with closing(sqlite3.connect(service.folder / "smartdyn.sqlite", isolation_level=None)) as database:
        (template,) = database.execute("SELECT id FROM plans").fetchone()
        database.execute("BEGIN")
        database.execute(_FILL, {"plans": plans})
        database.execute(_FILL_STEPS, {"template": template})
        database.execute(_FILL_ACTIONS, {"template": template})
        database.execute("COMMIT")


def compare(few: ServiceProcess, many: ServiceProcess, plans: int) -> None:
    """All measurements, taking turns."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(ROUNDS):
        for column, service in enumerate((few, many)):
            for name, call in calls(service).items():
                found.setdefault(name, ([], []))[column].append(median(call))
    print(f"with {plans:,} tasks in the database instead of none, medians of {ROUNDS} rounds of {REPEAT}:")
    for name, columns in found.items():
        before, after = map(statistics.median, columns)
        print(f"  {name:24}{before * 1000:7.2f} ms ->{after * 1000:7.2f} ms  ({after / before - 1:+.0%})")
    print()


def calls(service: ServiceProcess) -> dict[str, Callable[[], object]]:
    """What is measured."""
    launch = launcher(service)
    body = {"operation": "single", "input": {"action_class": "Rig::Noop", "action_input": {}}}
    with closing(sqlite3.connect(service.folder / "smartdyn.sqlite")) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM plans ORDER BY random() LIMIT 500")]
    get = getter(service)
    return {
        "launch of one": lambda: launch(body),
        "status of one": lambda: get(f"/tasks/{random.choice(ids)}/status"),
        "states of 100": lambda: request(service, "POST", "/tasks/status", {"task_ids": (ids * 100)[:100]}),
        "count": lambda: get("/tasks/count?state=running"),
        "list of the newest": lambda: get("/console"),
        "list of the running": lambda: get("/console?state=running"),
    }


def getter(service: ServiceProcess) -> Callable[[str], bytes]:
    """Asks over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port)

    def get(path: str) -> bytes:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return content

    return get


def median(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    found = []
    for _ in range(REPEAT):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


if __name__ == "__main__":
    main()
