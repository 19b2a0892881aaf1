"""C{smartdyn tasks wait}: until tasks are over."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.failures import Status
from smartdyn.cli.options import add_command, add_service, seconds, service_of
from smartdyn.cli.task_ids import whole
from smartdyn.cli.task_list import state

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "wait until tasks are over; ends with 1 unless all have gone well"
    parser = add_command(commands, "wait", does, "tasks wait 0d5a1f9e --timeout 600")
    parser.add_argument("id", nargs="+", help="their ids, or the beginnings of these")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="no longer than that")
    add_service(parser)
    parser.set_defaults(run=_wait)


def _wait(options: argparse.Namespace) -> int:
    service = service_of(options)
    until = None if options.timeout is None else time.monotonic() + options.timeout
    status = Status.FINE
    for task_id in [whole(service, given) for given in options.id]:
        task = _over(service, task_id, until)
        print(f"Task {task_id}: {state(task)}", file=sys.stdout if state(task) == "success" else sys.stderr)
        if state(task) != "success":
            status = Status.FAILED
    return status


def _over(service: Service, task_id: str, until: float | None) -> Any:
    """The task when it is over, or waits for a decision, or when there is no more time."""
    pause = _FIRST_PAUSE
    while True:
        task = service.get("tasks", task_id)["task"]
        left = _LONGEST_PAUSE if until is None else until - time.monotonic()
        if task["state"] in {"stopped", "paused"} or left <= 0:
            return task
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
