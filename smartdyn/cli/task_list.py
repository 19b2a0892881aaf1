"""C{smartdyn tasks list} and C{smartdyn tasks show}."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.options import add_command, add_form, add_service, form_of, service_of
from smartdyn.cli.show import Column, document, duration, facts, optional, sentence, show, time
from smartdyn.cli.task_ids import whole

_PAGE: Final = 200

_LAST_FIRST: Final = ("created", "started", "ended", "took")
_FIRST_FIRST: Final = ("label", "state", "host")


def state(task: Any) -> str:
    """What people call the state of a task."""
    if task["state"] != "stopped":
        return str(task["state"])
    return "cancelled" if task.get("cancelled") else str(task["result"])


def _label(name: str | None) -> str:
    return (name or "-").rpartition("::")[2]


def _took(task: Any) -> float | None:
    began, ended = task["started_at"], task["ended_at"]
    return round(ended - began, 3) if began is not None and ended is not None else None


COLUMNS: Final = (
    Column("ID", lambda task: task["id"], least=9, first=True),
    Column("STATE", state, coloured=True),
    Column("HOST", lambda task: task["host"], optional, least=8),
    Column("LABEL", lambda task: task["label"], _label, least=8),
    Column("CREATED", lambda task: task["created_at"], time),
    Column("TOOK", _took, duration),
)

_STEPS: Final = (
    Column("STEP", lambda step: step["id"]),
    Column("PHASE", lambda step: step["phase"]),
    Column("STATE", lambda step: step["state"], coloured=True),
    Column("ACTION", lambda step: step["action"], _label, least=10),
    Column("TOOK", lambda step: step["real_time"], duration),
    Column("ERROR", lambda step: step["error"], lambda error: error or "", least=10),
)


def add(commands: Any) -> None:
    """Add them to the command line."""
    example = """tasks list state:failed 'host:web*' since:2h 'text:"permission denied"'"""
    find = add_command(commands, "list", "show tasks, the newest first if nothing else is said", example)
    find.add_argument("query", nargs="*", metavar="QUERY", help="a search, in the words of the console")
    find.add_argument(
        "-s",
        "--sort",
        choices=(*_LAST_FIRST, *_FIRST_FIRST),
        metavar="KEY",
        default="created",
        help=f"what to sort by: {', '.join(_LAST_FIRST)} (the last, or longest, first), {', '.join(_FIRST_FIRST)} "
        "(%(default)s)",
    )
    find.add_argument("-r", "--reverse", action="store_true", help="the other way round")
    find.add_argument("-n", "--limit", type=int, default=50, help="how many; 0 for all (%(default)s)")
    look = add_command(commands, "show", "show what happened to a task, or what it waits for", "tasks show 0d5a1f9e")
    look.add_argument("id", help="its id, or the beginning of that")
    for parser, run in ((find, _list), (look, _show)):
        add_form(parser, ids=parser is find)
        add_service(parser)
        parser.set_defaults(run=run)


def found(service: Service, query: str, limit: int | None = None, sort: str = "") -> Iterator[Any]:
    """The tasks that a search finds, the newest first.

    @param limit: how many; None for all.
    @param sort: another order.
    """
    place: dict[str, str] = {"sort": sort} if sort else {}
    left = limit
    while left is None or left > 0:
        page = service.get("tasks", q=query, limit=_PAGE if left is None else min(left, _PAGE), **place)
        yield from page["tasks"]
        if page["older"] is None:
            return
        left = None if left is None else left - len(page["tasks"])
        place["before"] = page["older"]


def _list(options: argparse.Namespace) -> int:
    limit = options.limit if options.limit > 0 else None
    descending = (options.sort in _LAST_FIRST) is not options.reverse
    order = f"{'-' if descending else ''}{options.sort}"
    tasks = found(service_of(options), " ".join(options.query), limit, order)
    if form_of(options) != "table" or not sys.stderr.isatty():
        show(tasks, COLUMNS, form_of(options))
        return 0
    shown = list(tasks)
    show(shown, COLUMNS, "table")
    if len(shown) == limit:
        print("There may be more: -n 0 shows all.", file=sys.stderr)
    return 0


def _show(options: argparse.Namespace) -> int:
    service = service_of(options)
    details = service.get("tasks", whole(service, options.id))
    task = details["task"]
    if form_of(options) == "csv":
        show([task], COLUMNS, "csv")
    elif form_of(options) != "table":
        document(details, form_of(options))
    else:
        children = ", ".join(f"{each['count']} {state(each)}" for each in details["children"])
        facts(
            [
                ("Task", task["id"]),
                ("State", state(task)),
                ("Host", task["host"] or ""),
                ("Label", task["label"] or ""),
                ("Created", f"{time(task['created_at'])} UTC"),
                ("Took", duration(_took(task)) if task["ended_at"] is not None else ""),
                ("Exit status", "" if details["exit_status"] is None else str(details["exit_status"])),
                ("Launched by", task["parent_id"] or ""),
                ("Launched", children),
                ("Foreman", ", ".join(each["state"] for each in details["callbacks"])),
            ]
        )
        print(f"\n{sentence(details['explanation'])}\n")
        show(details["steps"], _STEPS, "table")
    return 0
