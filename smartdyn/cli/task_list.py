"""C{smartdyn tasks list} and C{smartdyn tasks show}."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.options import add_form, add_service, form_of, service_of
from smartdyn.cli.show import Column, document, duration, facts, optional, show, time
from smartdyn.cli.task_ids import whole

_PAGE: Final = 200
_EXAMPLE: Final = """for example: smartdyn tasks list state:failed 'host:web*' since:2h 'text:"permission denied"'"""


def state(task: Any) -> str:
    """What people call the state of a task."""
    return str(task["result"] if task["state"] == "stopped" else task["state"])


def _label(name: str | None) -> str:
    return (name or "-").rpartition("::")[2]


def _took(task: Any) -> float | None:
    began, ended = task["started_at"], task["ended_at"]
    return round(ended - began, 3) if began is not None and ended is not None else None


COLUMNS: Final = (
    Column("ID", lambda task: task["id"], least=9),
    Column("STATE", state, coloured=True),
    Column("HOST", lambda task: task["host"], optional, least=8),
    Column("LABEL", lambda task: task["label"], _label, least=8),
    Column("CREATED", lambda task: task["created_at"], time, least=11),
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
    find = commands.add_parser("list", help="tasks, the newest first", epilog=_EXAMPLE)
    find.add_argument("query", nargs="*", metavar="QUERY", help="a search, in the words of the console")
    find.add_argument("-n", "--limit", type=int, default=50, help="how many; 0 for all (%(default)s)")
    look = commands.add_parser("show", help="what happened to a task, or what it waits for")
    look.add_argument("id", help="its id, or the beginning of that")
    for parser, run in ((find, _list), (look, _show)):
        add_form(parser)
        add_service(parser)
        parser.set_defaults(run=run)


def _list(options: argparse.Namespace) -> int:
    found = _Found(service_of(options), " ".join(options.query), max(options.limit, 0))
    show(found, COLUMNS, form_of(options))
    if found.more and sys.stderr.isatty():
        print("There are more: -n 0 shows all.", file=sys.stderr)
    return 0


class _Found:
    """The tasks that a search finds, a page at a time.

    @ivar more: there are others.
    """

    def __init__(self, service: Service, query: str, limit: int) -> None:
        self._service = service
        self._query = query
        self._limit = limit
        self.more = False

    def __iter__(self) -> Iterator[Any]:
        place: dict[str, str] = {}
        left = self._limit
        while True:
            size = min(left, _PAGE) if self._limit else _PAGE
            page = self._service.get("tasks", q=self._query, limit=size, **place)
            yield from page["tasks"]
            left -= len(page["tasks"])
            self.more = page["older"] is not None
            if not self.more or (self._limit and left <= 0):
                return
            place = {"before": page["older"]}


def _show(options: argparse.Namespace) -> int:
    service = service_of(options)
    found = service.get("tasks", whole(service, options.id))
    task = found["task"]
    if form_of(options) == "csv":
        show([task], COLUMNS, "csv")
    elif form_of(options) != "table":
        document(found, form_of(options))
    else:
        children = ", ".join(f"{each['count']} {state(each)}" for each in found["children"])
        facts(
            [
                ("Task", task["id"]),
                ("State", state(task)),
                ("Host", task["host"] or ""),
                ("Label", task["label"] or ""),
                ("Created", f"{time(task['created_at'])} UTC"),
                ("Took", duration(_took(task)) if task["ended_at"] is not None else ""),
                ("Exit status", "" if found["exit_status"] is None else str(found["exit_status"])),
                ("Launched by", task["parent_id"] or ""),
                ("Launched", children),
                ("Foreman", ", ".join(each["state"] for each in found["callbacks"])),
            ]
        )
        print(f"\n{found['explanation']}\n")
        show(found["steps"], _STEPS, "table")
    return 0
