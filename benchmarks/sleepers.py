"""A thousand hosts at once, each with a script that sleeps: do all run at the same time, and what does one cost?

The hosts are a thousand loopback addresses with a real sshd behind them, so each has a connection of its own.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.jobs import batch, launch
from benchmarks.rig import Rig, run
from smartdyn.aio import sleep

HOSTS = 1000
SECONDS = 60
BATCH = 100

_LISTEN = "ListenAddress 0.0.0.0"


def main() -> None:
    """Print what was measured."""
    run("sleepers", measure, _LISTEN)


async def measure(rig: Rig) -> None:
    """Launch them as Foreman does, a hundred in each request, and look at a task all the time."""
    idle = memory_kilobytes(rig.service.pid)
    began = time.perf_counter()
    tasks = [await start(rig, first) for first in range(0, HOSTS, BATCH)]
    answers: list[float] = []
    most = 0
    while rig.foreman.count() < HOSTS and time.perf_counter() - began < 4 * SECONDS:
        asked = time.perf_counter()
        await rig.client.request("GET", f"/tasks/{tasks[len(answers) % len(tasks)]}/status")
        answers.append(time.perf_counter() - asked)
        most = max(most, memory_kilobytes(rig.service.pid))
        await sleep(rig.reactor, 0.02)
    wall = time.perf_counter() - began
    bodies = list(rig.foreman.delivered())
    starts = [float(body["data"]["result"][0]["output"]) for body in bodies]
    ends = [body["data"]["exit_status_timestamp"] for body in bodies]
    good = sum(body["data"]["exit_status"] == 0 for body in bodies)
    print(f"{HOSTS} hosts, each sleeping {SECONDS} s: {good} ended right, all after {wall:.0f} s")
    print(f"  the last began {min(ends) - max(starts):.0f} s before the first ended")
    print(f"  {(most - idle) / HOSTS:.0f} KiB of memory each above idle ({idle // 1024} MiB)")
    print(f"  status meanwhile: p99 {sorted(answers)[int(len(answers) * 0.99)] * 1000:.0f} ms of {len(answers)}\n")


async def start(rig: Rig, first: int) -> str:
    """Launch one request's worth.

    @return: one of its tasks.
    """
    jobs = batch(rig.server.port, BATCH, {"script": f"date +%s.%N; sleep {SECONDS}"})
    for number, job in enumerate(jobs.values(), first):
        job["action_input"]["hostname"] = f"127.1.{number // 250}.{number % 250 + 1}"
    await launch(rig, jobs)
    return next(iter(jobs))


def memory_kilobytes(pid: int) -> int:
    """The memory that a process has now (proc(5))."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    main()
