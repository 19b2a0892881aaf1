"""C{smartdyn tasks}: the tasks of the service."""

from __future__ import annotations

from typing import Any

from smartdyn.cli import task_deeds, task_list, task_run, task_tail, task_wait
from smartdyn.cli.options import add_command


def add(commands: Any) -> None:
    """Add it to the command line."""
    tasks = add_command(
        commands, "tasks", "look at tasks, change them, run scripts", "tasks list state:failed since:2h"
    )
    what = tasks.add_subparsers(metavar="WHAT", required=True)
    for part in (task_list, task_tail, task_wait, task_deeds, task_run):
        part.add(what)
