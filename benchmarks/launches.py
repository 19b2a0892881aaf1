"""Launches over HTTP, with the service as a process of its own and a database with full durability on disk."""

from __future__ import annotations

import http.client
import json
import sqlite3
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.internet import reactor

from benchmarks.jobs import cpu_seconds
from tests.support.foreman import RecordingForeman
from tests.support.service import ServiceProcess

BATCH = 2000
SINGLES = 1000
CLIENTS = 16
WAITING = 10_000
ROUNDS = 5
_LINES = Path("/tmp/smartdyn-simulated-output")


def main() -> None:
    """Print medians of several rounds."""
    service = ServiceProcess({"log_level": "WARN", "execution_plan_cleaner_age": 0})
    service.start_now()
    try:
        batches(service)
        singles(service)
        waiting(service)
    finally:
        service.kill_now()
    simulated()


def batches(service: ServiceProcess) -> None:
    """One launch of many trivial children."""
    found = [one_batch(service) for _ in range(ROUNDS)]
    wall, answered, cpu = medians(found)
    print(f"batch launch of {BATCH} trivial tasks, median of {ROUNDS} rounds:")
    print(f"  answered after {answered:.2f} s, last one stopped after {wall:.2f} s: {BATCH / wall:.0f} tasks/s")
    print(f"  {cpu / BATCH * 1000:.2f} ms CPU of the service each")


def one_batch(service: ServiceProcess) -> tuple[float, float, float]:
    """Seconds until the last has stopped, until the answer, and of CPU."""
    body = {str(uuid.uuid4()): {"action_class": "Rig::Noop", "action_input": {"n": n}} for n in range(BATCH)}
    began, used = time.time(), cpu_seconds(service.pid)
    request(service, "POST", "/tasks/launch", {"operation": "ssh", "input": body})
    answered = time.time() - began
    while request(service, "GET", "/tasks/count?state=stopped")["count"] < count(service):
        time.sleep(0.05)
    with closing(sqlite3.connect(service.folder / "smartdyn.sqlite")) as database:
        ended = database.execute("SELECT max(ended_at) FROM plans").fetchone()[0]
    return ended - began, answered, cpu_seconds(service.pid) - used


def singles(service: ServiceProcess) -> None:
    """One task a launch."""
    body = {"operation": "single", "input": {"action_class": "Rig::Noop", "action_input": {}}}
    alone = timed(launcher(service), body)
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        calls = [pool.submit(timed, launcher(service), body, SINGLES // CLIENTS * 2) for _ in range(CLIENTS)]
        together = [seconds for call in calls for seconds in call.result()]
    rate = len(together) / (time.perf_counter() - began)
    print(f"single launches: one client p50 {statistics.median(alone) * 1000:.1f} ms")
    print(f"  {CLIENTS} clients: {rate:.0f}/s, p50 {statistics.median(together) * 1000:.1f} ms\n")


def waiting(service: ServiceProcess) -> None:
    """Tasks that wait: what they take, and how long a start with them does."""
    before = resident(service)
    for _ in range(WAITING // BATCH):
        body = {str(uuid.uuid4()): {"action_class": "Rig::WaitForUpdate", "action_input": {}} for _ in range(BATCH)}
        request(service, "POST", "/tasks/launch", {"operation": "ssh", "input": body})
    after = resident(service)
    service.kill_now()
    began = time.perf_counter()
    service.start_now()
    started = time.perf_counter() - began
    print(f"{WAITING} waiting tasks: {(after - before) / WAITING * 1000:.1f} kB of memory each")
    print(f"  killed and started again, ready after {started:.1f} s\n")


def resident(service: ServiceProcess) -> float:
    """Megabytes of memory that the service uses."""
    fields = Path(f"/proc/{service.pid}/statm").read_text().split()
    return int(fields[1]) * 4096 / 1e6


def launcher(service: ServiceProcess) -> Callable[[Any], Any]:
    """Sends launches over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port)

    def launch(body: Any) -> Any:
        connection.request("POST", "/tasks/launch", json.dumps(body))
        return json.loads(connection.getresponse().read())

    return launch


def timed(launch: Callable[[Any], Any], body: Any, times: int = SINGLES) -> list[float]:
    """Seconds that each of several launches takes."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        launch(body)
        found.append(time.perf_counter() - began)
    return found


def simulated() -> None:
    """Jobs that print a line and end, with their callbacks."""
    _LINES.write_text("one line\n")
    foreman = RecordingForeman()
    url = foreman.start(reactor)
    running: Any = reactor
    Thread(target=lambda: running.run(installSignalHandlers=False), daemon=True).start()
    environment = {"REX_SIMULATE": "1", "REX_SIMULATE_PATH": str(_LINES)}
    service = ServiceProcess({"log_level": "WARN", "foreman_url": url}, environment)
    service.start_now()
    found = []
    for number in range(3):
        body = {}
        for _ in range(BATCH):
            key = str(uuid.uuid4())
            job = {"hostname": "h", "script": "true", "callback": {"task_id": key, "step_id": 3}}
            body[key] = {"action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript", "action_input": job}
        began, used = time.time(), cpu_seconds(service.pid)
        request(service, "POST", "/tasks/launch", {"operation": "ssh", "input": body})
        while foreman.count() < BATCH * (number + 1):
            time.sleep(0.05)
        found.append((time.time() - began, cpu_seconds(service.pid) - used))
    service.stop_now()
    wall, cpu = medians(found)
    print(f"batch of {BATCH} simulated scripts of one second with callbacks, median of {len(found)} rounds:")
    print(f"  last callback after {wall:.1f} s, {cpu / BATCH * 1000:.2f} ms CPU of the service each\n")


def medians(found: list[Any]) -> list[float]:
    """Of each column."""
    return [statistics.median(values) for values in zip(*found, strict=True)]


def request(service: ServiceProcess, method: str, path: str, body: Any = None) -> Any:
    """One request on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body))
        return json.loads(connection.getresponse().read())


def count(service: ServiceProcess) -> int:
    """How many tasks there are."""
    number: int = request(service, "GET", "/tasks/count")["count"]
    return number


if __name__ == "__main__":
    main()
