"""Script jobs from Foreman's request to the callback, with a real sshd on the same machine.

What sshd can do at all is measured in the same run: a loop over our own SSH client that connects, logs in, runs C{true}
and closes.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from benchmarks.rig import USER, Rig, run
from smartdyn.ssh import Credentials, KnownHosts, Target, connect, load_private_key

JOBS = 200
ROUNDS = 3
SINGLES = 20
AT_ONCE = 10
REFERENCE = 5.2
"""Jobs a second of the Ruby proxy on 2 cores, for comparison."""

_TICKS = 100.0


def main() -> None:
    """Print medians of several rounds."""
    run("script jobs", measure)


async def measure(rig: Rig) -> None:
    """One after another, then many at once."""
    for name, more in (("as the user who logs in", {}), ("through sudo", {"effective_user": "rexeff"})):
        found = await one_by_one(rig, more)
        print(f"`true` {name}, from the request to the callback: median {found * 1000:.0f} ms of {SINGLES}")
    bare, jobs = [], []
    for _ in range(ROUNDS):
        bare.append(await bare_loop(rig))
        jobs.append(await at_once(rig))
    loop = statistics.median(bare)
    wall, answered, cpu = (statistics.median(values) for values in zip(*jobs, strict=True))
    print(f"{JOBS} script jobs launched at once on one host, median of {ROUNDS} rounds:")
    print(f"  answered after {answered * 1000:.0f} ms, last callback after {wall:.1f} s: {JOBS / wall:.0f} jobs/s")
    print(f"  a bare connect-login-exec-close loop, {AT_ONCE} at once: {loop:.0f}/s; ratio {JOBS / wall / loop:.2f}")
    print(f"  {JOBS / wall / REFERENCE:.1f} times the Ruby proxy's {REFERENCE}/s")
    print(f"  {cpu / JOBS * 1000:.1f} ms CPU of the service each\n")


async def bare_loop(rig: Rig) -> float:
    """How many logins with a command a second."""
    credentials = Credentials(None, (load_private_key(rig.server.key(), None),))
    with tempfile.TemporaryDirectory() as folder:
        known_hosts = KnownHosts(Path(folder) / "known_hosts")
        left = list(range(JOBS))

        async def worker() -> None:
            while left:
                left.pop()
                target = Target("127.0.0.1", rig.server.port, USER)
                connection = await connect(rig.reactor, target, credentials, known_hosts)
                session = await connection.execute("true")
                await session.wait()
                await connection.close()

        began = time.perf_counter()
        await gatherResults([Deferred.fromCoroutine(worker()) for _ in range(AT_ONCE)])
        return JOBS / (time.perf_counter() - began)


async def one_by_one(rig: Rig, more: dict[str, Any]) -> float:
    """Median seconds of one job alone."""
    found = []
    for _ in range(SINGLES):
        due = rig.foreman.when_received(rig.foreman.count() + 1)
        began = time.perf_counter()
        await launch(rig, batch(rig.server.port, 1, more))
        await due
        found.append(time.perf_counter() - began)
    return statistics.median(found)


async def at_once(rig: Rig) -> tuple[float, float, float]:
    """Seconds until the last callback, until the answer, and of CPU."""
    due = rig.foreman.when_received(rig.foreman.count() + JOBS)
    began, used = time.perf_counter(), cpu_seconds(rig.service.pid)
    await launch(rig, batch(rig.server.port, JOBS, {}))
    answered = time.perf_counter() - began
    await due
    return time.perf_counter() - began, answered, cpu_seconds(rig.service.pid) - used


async def launch(rig: Rig, jobs: dict[str, Any]) -> None:
    """Launch jobs in one request."""
    await rig.client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})


def batch(port: int, count: int, more: dict[str, Any]) -> dict[str, Any]:
    """Jobs as Foreman sends them."""
    jobs = {}
    for _ in range(count):
        key = str(uuid.uuid4())
        jobs[key] = {
            "action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
            "action_input": {
                "hostname": "127.0.0.1",
                "ssh_port": port,
                "ssh_user": USER,
                "script": "true",
                "callback": {"task_id": key, "step_id": 3},
                **more,
            },
        }
    return jobs


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
