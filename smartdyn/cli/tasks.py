"""C{smartdyn tasks}: the tasks of the service."""

from __future__ import annotations

from typing import Any

from smartdyn.cli import task_deeds, task_list, task_run, task_tail


def add(commands: Any) -> None:
    """Add it to the command line."""
    tasks = commands.add_parser("tasks", help="look at tasks and change them")
    what = tasks.add_subparsers(metavar="WHAT", required=True)
    for part in (task_list, task_tail, task_deeds, task_run):
        part.add(what)
