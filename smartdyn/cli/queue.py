"""C{smartdyn queue}: what runs, what waits for what, and what is stuck."""

from __future__ import annotations

import argparse
from typing import Any, Final

from smartdyn.cli.options import add_command, add_form, add_service, form_of, service_of
from smartdyn.cli.show import Column, document, facts, sentences, show, time

_QUEUES: Final = (
    Column("QUEUE", lambda queue: queue["name"]),
    Column("LIMIT", lambda queue: queue["size"]),
    Column("BUSY", lambda queue: queue["busy"]),
    Column("WAITING", lambda queue: queue["waiting"]),
)


def stuck(each: Any) -> tuple[str, str]:
    """A task that does not get on, and what to do about it."""
    host = f" on {each['task']['host']}" if each["task"]["host"] else ""
    return f"{each['task']['id'][:8]}{host}, since {time(each['since'])} UTC: {each['reason']}", each["advice"]


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = add_command(commands, "queue", "show what runs, what waits for what, and what is stuck", "queue -o json")
    add_form(parser)
    add_service(parser)
    parser.set_defaults(run=_queue)


def _queue(options: argparse.Namespace) -> int:
    found = service_of(options).get("queue")
    if form_of(options) == "csv":
        show(found["queues"], _QUEUES, "csv")
    elif form_of(options) != "table":
        document(found, form_of(options))
    else:
        callbacks = found["callbacks"]
        facts(
            [
                ("Running", f"{found['running']} tasks"),
                ("New jobs", f"refused: {found['drained_by']} drains the service" if found["drained_by"] else ""),
                ("Callbacks", f"{callbacks['pending']} wait, {callbacks['parked']} are not sent any more"),
                ("Last error", callbacks["last_error"] or ""),
            ]
        )
        print()
        show(found["queues"], _QUEUES, "table")
        sentences("Stuck", map(stuck, found["stuck"]))
    return 0
