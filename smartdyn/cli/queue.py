"""C{smartdyn queue}: what runs, what waits for what, and what is stuck."""

from __future__ import annotations

import argparse
from typing import Any, Final

from smartdyn.cli.options import add_command, add_form, add_service, form_of, service_of
from smartdyn.cli.show import Column, document, facts, optional, show, time

_QUEUES: Final = (
    Column("QUEUE", lambda queue: queue["name"]),
    Column("LIMIT", lambda queue: queue["size"]),
    Column("BUSY", lambda queue: queue["busy"]),
    Column("WAITING", lambda queue: queue["waiting"]),
)
_STUCK: Final = (
    Column("STUCK", lambda stuck: stuck["task"]["id"], least=9),
    Column("HOST", lambda stuck: stuck["task"]["host"], optional, least=8),
    Column("SINCE", lambda stuck: stuck["since"], time, least=11),
    Column("WHY", lambda stuck: stuck["reason"], least=20),
    Column("DO", lambda stuck: stuck["advice"], least=20),
)


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
                ("Callbacks", f"{callbacks['pending']} wait, {callbacks['parked']} are not taken by Foreman"),
                ("Last error", callbacks["last_error"] or ""),
            ]
        )
        print()
        show(found["queues"], _QUEUES, "table")
        if found["stuck"]:
            print()
            show(found["stuck"], _STUCK, "table")
    return 0
