"""What Foreman asks all the time: the status of a task, and how many tasks run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from tests.support.service import ServiceProcess

SECONDS = 6
CONNECTIONS = (8, 32)
LAUNCHES = 20


def main() -> None:
    """Print requests a second over kept connections; C{wrk} asks."""
    if shutil.which("wrk") is None:
        print("requests: not measured, wrk is not installed (apt-get install wrk)")
        return
    service = ServiceProcess({"log_level": "WARN"})
    service.start_now()
    try:
        task = launch(service)
        status = f"/tasks/{task}/status"
        for path in (status, "/tasks/count?state=running"):
            print(f"GET {path.replace(task, ':id')}: {rates(service, path)}")
        with launching(service):
            found = ", ".join(
                f"{rate(service, f'/tasks/{task}/status', number):.0f}/s with {number}" for number in CONNECTIONS
            )
        print(f"GET /tasks/:id/status while {LAUNCHES} tasks a second are launched: {found} connections")
        print()
    finally:
        service.kill_now()


@contextmanager
def launching(service: ServiceProcess) -> Iterator[None]:
    """Meanwhile tasks are launched, so that nothing stays as it is."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(1 / LAUNCHES):
            launch(service, wait=False)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def launch(service: ServiceProcess, *, wait: bool = True) -> str:
    """A task.

    @param wait: until it has stopped.
    """
    task = str(uuid.uuid4())
    body = {"operation": "ssh", "input": {task: {"action_class": "Rig::Noop", "action_input": {"n": 1}}}}
    connection = HTTPConnection("127.0.0.1", service.port)
    connection.request("POST", "/tasks/launch", json.dumps(body))
    connection.getresponse().read()
    while wait:
        connection.request("GET", f"/tasks/{task}/status")
        if json.loads(connection.getresponse().read())["state"] == "stopped":
            break
        time.sleep(0.05)
    return task


def rates(service: ServiceProcess, path: str) -> str:
    """What is reached with each number of connections."""
    found = ", ".join(f"{rate(service, path, number):.0f}/s with {number}" for number in CONNECTIONS)
    return f"{found} connections"


def rate(service: ServiceProcess, path: str, connections: int) -> float:
    """Requests a second."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", f"{service.url}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    assert found and "Non-2xx" not in said, said
    return float(found[1])


if __name__ == "__main__":
    main()
