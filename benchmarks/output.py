"""A script that prints much: its callback, and the memory that it takes; and how soon a printed line is seen.

The lines are printed by a real script over a real sshd on the same machine.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.jobs import batch, launch
from benchmarks.rig import Rig, run
from smartdyn.aio import sleep

MEGABYTES = 50
LINES = 40
_LINE = "x" * 99


def main() -> None:
    """Print what was measured."""
    run("output", measure)


async def measure(rig: Rig) -> None:
    """Much at once, then line by line."""
    idle = peak_megabytes(rig.service.pid)
    due = rig.foreman.when_received(1)
    began = time.perf_counter()
    task = await start(rig, f"yes {_LINE} | head -n {MEGABYTES * 10_000}")
    await due
    wall = time.perf_counter() - began
    print(
        f"{MEGABYTES} MB of output: callback after {wall:.1f} s; peak {peak_megabytes(rig.service.pid)} MB, {idle} idle"
    )
    sent = sum(len(chunk["output"]) for chunk in rig.foreman.received[0].body["data"]["result"])
    assert sent == MEGABYTES * 1_000_000, sent
    began = time.perf_counter()
    status = await rig.client.request("GET", f"/tasks/{task}/status")
    print(f"  its status: {len(status.content) / 1e6:.0f} MB after {time.perf_counter() - began:.2f} s")
    print(f"  peak afterwards {peak_megabytes(rig.service.pid)} MB")
    delays = await see_lines(rig)
    print(f"a printed line is in the status after: median {statistics.median(delays) * 1000:.0f} ms,", end=" ")
    print(f"p95 {sorted(delays)[int(len(delays) * 0.95)] * 1000:.0f} ms, of {len(delays)}\n")


async def start(rig: Rig, script: str) -> str:
    """Launch one job."""
    jobs = batch(rig.server.port, 1, {"script": script})
    await launch(rig, jobs)
    return next(iter(jobs))


async def see_lines(rig: Rig) -> list[float]:
    """Seconds from printing a line until a client that asks all the time sees it."""
    script = f"for i in $(seq {LINES}); do date +%s.%N; sleep 0.2; done"
    task = await start(rig, script)
    seen: list[float] = []
    while len(seen) < LINES:
        status = (await rig.client.request("GET", f"/tasks/{task}/status")).json
        now = time.time()
        text = "".join(chunk["output"] for chunk in status["actions"][1]["output"]["result"])
        lines = text.split("\n")[:-1]
        seen.extend(now - float(line) for line in lines[len(seen) :])
        await sleep(rig.reactor, 0.005)
    return seen


def peak_megabytes(pid: int) -> int:
    """The most memory that a process has had (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main()
