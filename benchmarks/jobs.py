"""Script jobs a second, from Foreman's request to the last callback, with a real sshd on the same machine."""

from __future__ import annotations

import statistics
import time
import uuid
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.support import sshd
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess

JOBS = 50
ROUNDS = 3
_TICKS = 100.0


def main() -> None:
    """Print medians of several rounds; needs what the tests need."""
    if reason := sshd.missing():
        print(f"script jobs: not measured, {reason}")
        return
    try:
        react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))
    except SystemExit as ending:
        if ending.code:
            raise


async def measure(reactor: Any) -> None:
    """Launch batches of trivial scripts."""
    server = sshd.shared()
    foreman = RecordingForeman()
    service = ServiceProcess({"foreman_url": foreman.start(reactor), "ssh_identity_key_file": str(server.key())})
    await service.start()
    client = Client(reactor, service.url)
    found = []
    for number in range(ROUNDS):
        began, used = time.perf_counter(), cpu_seconds(service.pid)
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": batch(server.port)})
        answered = time.perf_counter() - began
        await foreman.when_received(JOBS * (number + 1))
        found.append((time.perf_counter() - began, answered, cpu_seconds(service.pid) - used))
    await service.stop()
    await foreman.stop()
    wall, answered, cpu = (statistics.median(values) for values in zip(*found, strict=True))
    print(f"{JOBS} script jobs launched at once on one host, median of {ROUNDS} rounds:")
    print(f"  answered after {answered * 1000:.0f} ms, last callback after {wall:.1f} s: {JOBS / wall:.0f} jobs/s")
    print(f"  {cpu / JOBS * 1000:.0f} ms CPU of the service each\n")


def batch(port: int) -> dict[str, Any]:
    """Jobs as Foreman sends them."""
    jobs = {}
    for _ in range(JOBS):
        key = str(uuid.uuid4())
        jobs[key] = {
            "action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
            "action_input": {
                "hostname": "127.0.0.1",
                "ssh_port": port,
                "ssh_user": "root",
                "script": "true",
                "callback": {"task_id": key, "step_id": 3},
            },
        }
    return jobs


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
