"""A thousand hosts at once, each with a script that sleeps: do all run at the same time, and what does one cost?

The hosts are a thousand loopback addresses with a real sshd behind them, so each has a connection of its own.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from benchmarks.jobs import USER
from smartdyn.aio import sleep
from tests.support import sshd
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess

HOSTS = 1000
SECONDS = 60
BATCH = 100

_LISTEN = "ListenAddress 0.0.0.0"


def main() -> None:
    """Print what was measured; needs what the tests need."""
    if reason := sshd.missing():
        print(f"sleepers: not measured, {reason}")
        return
    try:
        react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))
    except SystemExit as ending:
        if ending.code:
            raise


async def measure(reactor: Any) -> None:
    """Launch them as Foreman does, a hundred in each request, and look at a task all the time."""
    server = sshd.shared(_LISTEN)
    foreman = RecordingForeman()
    service = ServiceProcess(
        {
            "foreman_url": foreman.start(reactor),
            "ssh_identity_key_file": str(server.key()),
            "log_level": "WARN",
        }
    )
    await service.start()
    client = Client(reactor, service.url)
    try:
        idle = memory_kilobytes(service.pid)
        began = time.perf_counter()
        tasks = [await launch(client, server.port, first) for first in range(0, HOSTS, BATCH)]
        answers: list[float] = []
        most = 0
        while foreman.count() < HOSTS and time.perf_counter() - began < 4 * SECONDS:
            asked = time.perf_counter()
            await client.request("GET", f"/tasks/{tasks[len(answers) % len(tasks)]}/status")
            answers.append(time.perf_counter() - asked)
            most = max(most, memory_kilobytes(service.pid))
            await sleep(reactor, 0.02)
        wall = time.perf_counter() - began
        bodies = list(foreman.delivered())
    finally:
        await service.stop()
        await foreman.stop()
    starts = [float(body["data"]["result"][0]["output"]) for body in bodies]
    ends = [body["data"]["exit_status_timestamp"] for body in bodies]
    good = sum(body["data"]["exit_status"] == 0 for body in bodies)
    print(f"{HOSTS} hosts, each sleeping {SECONDS} s: {good} ended right, all after {wall:.0f} s")
    print(f"  the last began {min(ends) - max(starts):.0f} s before the first ended")
    print(f"  {(most - idle) / HOSTS:.0f} KiB of memory each above idle ({idle // 1024} MiB)")
    print(f"  status meanwhile: p99 {sorted(answers)[int(len(answers) * 0.99)] * 1000:.0f} ms of {len(answers)}\n")


async def launch(client: Client, port: int, first: int) -> str:
    """Launch one request's worth.

    @return: one of its tasks.
    """
    jobs = {}
    for number in range(first, first + BATCH):
        key = str(uuid.uuid4())
        jobs[key] = {
            "action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
            "action_input": {
                "hostname": f"127.1.{number // 250}.{number % 250 + 1}",
                "ssh_port": port,
                "ssh_user": USER,
                "script": f"date +%s.%N; sleep {SECONDS}",
                "callback": {"task_id": key, "step_id": 3},
            },
        }
    await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
    return key


def memory_kilobytes(pid: int) -> int:
    """The memory that a process has now (proc(5))."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    main()
