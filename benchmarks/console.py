"""What the pages of the console cost with many tasks in the database: lists, filters, pages of them, and searches."""

from __future__ import annotations

import html
import random
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import cycle, product
from pathlib import Path
from urllib.parse import quote

from benchmarks.scale import getter
from smartdyn.model.order import NEWEST, Order, SortKey
from smartdyn.model.views import TaskSummary
from smartdyn.store import listing
from tests.support.service import ServiceProcess

TASKS = 100_000
REPEAT = 60
_HOSTS = 20_000
_BATCH = 1_000
_LINES = 300_000
_LONG = "long"
_WITH_OUTPUT = 10
"""Each so-manieth task has printed something."""

_PLANS = f"""
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :tasks)
    INSERT INTO plans (id, label, state, result, root_plan_step_id, run_flow, finalize_flow, step_ids, created_at,
        started_at, ended_at, history, host, caller_plan_id, caller_action_id, cancel_requested_at, digested,
        request_id)
    SELECT printf('%08x-0000-4000-8000-%012x', abs(random()) % 4294967296, n),
        CASE WHEN n % 1000 = 7 THEN 'Rig::Rare' WHEN n % 4 = 0 THEN 'Rig::Noop'
            ELSE 'Proxy::RemoteExecution::Ssh::Actions::RunScript' END,
        CASE WHEN n <= 200 THEN 'paused' ELSE 'stopped' END,
        CASE WHEN n <= 200 OR n % 50 = 0 THEN 'error' WHEN n % 500 = 1 THEN 'cancelled' ELSE 'success' END,
        1, '["S"]', '["S"]', '[1]', :now - n * 3.0, :now - n * 3.0, iif(n <= 200, NULL, :now - n * 3.0 + n % 97), '[]',
        printf('web%05d.example.org', n * 7919 % {_HOSTS}), printf('batch%d', n / {_BATCH}), 1,
        iif(n % 50 = 0 AND n % 7 = 0, :now - n * 3.0, NULL), 1, printf('%08x', n / 1000 * 7919 % 65536)
    FROM numbers
"""
_BATCHES = """
    INSERT INTO plans (id, label, state, result, root_plan_step_id, run_flow, finalize_flow, step_ids, created_at,
        started_at, ended_at, history, digested)
    SELECT DISTINCT caller_plan_id, 'Proxy::Dynflow::Action::Batch', 'stopped', 'success', 1, '["S"]', '["S"]', '[]',
        max(created_at) + 1.0, max(created_at) + 1.0, max(created_at) + 2.0, '[]', 1
    FROM plans GROUP BY caller_plan_id
"""
_DIGESTS = """
    INSERT INTO digests (plan_id, ended_at, cause)
    SELECT id, ended_at, CASE WHEN cancel_requested_at IS NOT NULL OR result = 'cancelled' THEN 'cancelled'
        WHEN result = 'error' THEN printf('exit-%d', abs(random()) % 20) END
    FROM plans WHERE state = 'stopped'
"""
_STEPS = """
    INSERT INTO steps (plan_id, id, kind, action_id, action_class, state)
    SELECT id, 1, 'PLAN', 1, label, 'success' FROM plans WHERE state = 'paused'
        OR rowid % 100 = 0
"""
_QUEUED = """
    INSERT INTO steps (plan_id, id, kind, action_id, action_class, state, queue)
    SELECT id, 2, 'RUN', 1, label, 'success', iif(rowid % 40 = 0, 'slow', NULL) FROM plans
"""
_ACTIONS = """
    INSERT INTO actions (plan_id, id, class_name, plan_step_id, input, output)
    SELECT plan_id, 1, action_class, 1, '{}', '{}' FROM steps
"""
_OUTPUT = """
    INSERT INTO output_chunks (plan_id, action_id, position, type, timestamp, text) VALUES (?, 1, ?, 'stdout', ?, ?)
"""
_ONE_WITH_LONG_OUTPUT = f"""
    INSERT INTO plans (id, label, state, result, run_flow, finalize_flow, step_ids, created_at, history, digested)
    VALUES ('{_LONG}', 'Rig::Noop', 'stopped', 'success', '["S"]', '["S"]', '[1]', 1.0, '[]', 1);
    INSERT INTO actions (plan_id, id, class_name, plan_step_id, input, output)
    VALUES ('{_LONG}', 1, 'Rig::Noop', 1, '{{}}', '{{}}')
"""
_AUDIT = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
    INSERT INTO audit (at, who, via, what, subject, outcome)
    SELECT :now - n * 60.0, printf('admin%d.example.org', n % 30), 'console', iif(n % 9 = 0, 'halt', 'cancel'),
        coalesce((SELECT id FROM plans WHERE rowid = n), ''), '1 steps were told.'
    FROM numbers
"""
_SORTED = (
    "",
    "state:failed",
    "label:RunScript",
    "label:Rare",
    "host:web1*",
    "since:2d",
    "parent:none",
    "cause:exit-3",
    "RunScript",
)
"""Searches of which the finds are sorted."""

_WORDS = ("permission", "denied", "updated", "package", "kernel", "service", "restarted", "failed", "reached", "cannot")


def main() -> None:
    """Print medians and 95th percentiles; the number of tasks may be given as an argument."""
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    service = ServiceProcess({"log_level": "WARN", "execution_plan_cleaner_age": 0})
    service.start_now()
    service.stop_now()
    began = time.perf_counter()
    with closing(sqlite3.connect(service.folder / "smartdyn.sqlite", isolation_level=None)) as database:
        fill(database, tasks)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        asked = list(requests(database))
        print(f"{tasks:,} tasks, made in {time.perf_counter() - began:.0f} s, {sizes(database, service.folder)}")
    service.start_now()
    try:
        measure(service, asked)
    finally:
        service.stop_now()


def fill(database: sqlite3.Connection, tasks: int) -> None:
    """Tasks in batches on many hosts: most have gone well, some failed, were cancelled or are paused."""
    now = time.time()
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    database.execute(_PLANS, {"tasks": tasks, "now": now})
    for statement in (_BATCHES, _DIGESTS, _STEPS, _ACTIONS, _QUEUED):
        database.execute(statement)
    database.execute(_AUDIT, {"now": now})
    chosen = random.Random(7)
    rows = database.execute(
        "SELECT plans.id, digests.id, plans.ended_at FROM plans JOIN digests ON plan_id = plans.id"
        " WHERE plans.rowid % ? = 0",
        (_WITH_OUTPUT,),
    ).fetchall()
    for plan_id, number, at in rows:
        text = " ".join(chosen.choices(_WORDS, k=30)) + f"\nline{number}\n"
        database.execute(_OUTPUT, (plan_id, 0, at, text))
        database.execute("INSERT INTO output_words (rowid, text) VALUES (?, ?)", (number, text))
    for statement in _ONE_WITH_LONG_OUTPUT.split(";"):
        database.execute(statement)
    text = "".join(f"TASK [role : step {number}] ok: web{number % 977}.example.org\n" for number in range(_LINES))
    for position, start in enumerate(range(0, len(text), 32_000)):
        database.execute(_OUTPUT, (_LONG, position, now, text[start : start + 32_000]))
    database.execute("COMMIT")


def sizes(database: sqlite3.Connection, folder: Path) -> str:
    """How large the file is, and the index of words beside the texts in it."""
    indexed = "SELECT sum(length(text)) FROM output_chunks WHERE plan_id <> ?"
    (text,) = database.execute(indexed, (_LONG,)).fetchone()
    (words,) = database.execute("SELECT sum(length(block)) FROM output_words_data").fetchone()
    size = folder.joinpath("smartdyn.sqlite").stat().st_size
    return f"{size / 1e6:,.0f} MB, of which the words of outputs take {words / text:.0%} of their texts' size"


def requests(database: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """What is measured: a name, and paths that take turns."""

    def some(statement: str) -> list[str]:
        return [str(row[0]) for row in database.execute(f"{statement} ORDER BY random() LIMIT 30")]

    ids, hosts = (
        some("SELECT plan_id FROM steps WHERE kind = 'PLAN'"),
        some("SELECT host FROM plans WHERE host IS NOT NULL"),
    )
    tasks = list(listing.named(database.cursor(), some("SELECT id FROM plans WHERE host IS NOT NULL")).values())
    cursors = [str(NEWEST.place_of(task)) for task in tasks]
    batches = [f"batch{number}" for number in range(1, 20)]
    yield "overview", [""]
    yield "newest tasks", ["tasks"]
    yield "newest tasks, unfolded", [f"tasks?open={batch}&open=batch0&open=batch1" for batch in batches]
    yield "newest tasks, 200 of them", ["tasks?per_page=200"]
    yield "a page anywhere", [f"tasks?before={quote(cursor)}" for cursor in cursors]
    for search in (
        "state:failed",
        "state:cancelled",
        "state:paused",
        "state:stopped result:success",
        "result:error label:Rare",
        "label:Rare",
        "label:RunScript",
        "cause:exit-3",
        "cause:exit-3 since:24h",
        "cause:exit-3 ended:24h",
        "cause:cancelled ended:30d",
        "ended:24h",
        "ended:1m",
        "ended:1m RunScript",
        "state:failed ended:1m",
        "host:web1*",
        "host:*99.example.org",
        "host:nowhere*",
        "host:nowhere* state:failed label:RunScript",
        "state:failed host:web1* label:RunScript since:7d",
        "state:failed host:web00001.example.org",
        "until:2020-01-01",
        "since:1h",
        "web0123",
        "nowhere at all",
        "Rare state:failed",
        "result:success cause:exit-3",
        "host:*9* label:Rare state:stopped",
        "host:*9* label:Rare result:cancelled since:30d",
        "RunScript",
        'text:"permission denied"',
        'text:"permission denied" state:failed host:web1*',
        "text:line777",
        "text:nowhere",
        "parent:none state:failed",
        "parent:none label:RunScript",
        "parent:none label:Batch",
        "id:0123",
        "request:1a2b3c4d",
        "request:nowhere",
        "queue:slow",
        "queue:slow state:failed",
        "queue:default",
        "queue:nowhere",
    ):
        yield search, [f"tasks?q={quote(search)}"]
        if search.startswith("state:") and " " not in search:
            yield f"{search}, a page anywhere", [f"tasks?q={search}&before={quote(cursor)}" for cursor in cursors]
    yield from sorted_lists(tasks)
    yield "parent", [f"tasks?q=parent:{batch}" for batch in batches]
    yield "host:, exactly", [f"tasks?q=host:{host}" for host in hosts]
    yield "a task", ids
    yield "a host", [f"host?name={host}" for host in hosts]
    yield "a batch of 1,000", [f"batches/{batch}" for batch in batches]
    yield "status", ["status"]
    yield "who did what", ["audit", "audit?who=admin7", "audit?what=nothing", f"audit?about={ids[0]}"]
    yield "go to", ["go?to=web0", "go?to=nowhere", "go"]
    yield "how many a bulk deed is for", ["bulk?what=resume&q=state:paused"]


def sorted_lists(tasks: list[TaskSummary]) -> Iterator[tuple[str, list[str]]]:
    """All orders: of all tasks, of many and of few, from the beginning and from anywhere."""
    for key, descending in product(SortKey, (True, False)):
        order = Order(key, descending)
        for search in _SORTED:
            path = f"tasks?sort={order}&q={quote(search)}"
            yield f"by {order}: {search or 'all'}", [path]
            if search in {"", "label:RunScript"}:
                places = [quote(str(order.place_of(task))) for task in tasks]
                yield f"by {order}: {search or 'all'}, a page anywhere", [f"{path}&before={each}" for each in places]


def measure(service: ServiceProcess, asked: list[tuple[str, list[str]]]) -> None:
    """Ask one after another, as one visitor does."""
    get = getter(service)
    print(f"  {'':52}{'p50':>8}{'p95':>8}  ms")
    worst = 0.0
    for name, paths in asked:
        turns = cycle(paths)
        found = sorted(_seconds(lambda: get(f"/console/{next(turns)}")) for _ in range(REPEAT))  # noqa: B023  # at once
        p95 = found[int(len(found) * 0.95)]
        worst = max(worst, p95)
        print(f"  {name:52}{statistics.median(found) * 1000:8.1f}{p95 * 1000:8.1f}", flush=True)
    print(f"  the slowest p95: {worst * 1000:.1f} ms")
    for name, pattern in (("that is everywhere", "ok"), ("of the last line", f"step {_LINES - 1}]"), ("of none", "no")):
        pages = list(_search(get, pattern))
        print(
            f"  in {_LINES:,} lines of output, the first page of a pattern {name}: {pages[0] * 1000:.0f} ms;"
            f" all {len(pages)} pages: {sum(pages):.1f} s"
        )
    print()


def _search(get: Callable[[str], bytes], pattern: str) -> Iterator[float]:
    """Seconds for each page of what is found in the long output, ten of them at the most."""
    path: str | None = f"{_LONG}/output?q={quote(pattern)}&context=0"
    for _ in range(10):
        if path is None:
            return
        began = time.perf_counter()
        page = get(f"/console/{path}").decode()
        yield time.perf_counter() - began
        link = re.search(r'rel="next" href="/console/([^"]*)"', page)
        path = html.unescape(link[1]) if link else None


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
