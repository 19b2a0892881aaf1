"""C{smartdyn status}: what has to be known first."""

from __future__ import annotations

import argparse
from typing import Any, Final

from smartdyn.cli.failures import Status
from smartdyn.cli.options import add_command, add_form, add_service, form_of, service_of
from smartdyn.cli.queue import stuck
from smartdyn.cli.show import Column, document, facts, sentences, show

_HEALTH: Final = (
    Column("NEEDS", lambda item: item["name"]),
    Column("STATE", lambda item: "fine" if item["ok"] else "trouble", coloured=True),
    Column("HOW", lambda item: item["text"], least=20),
)


def failure(each: Any) -> tuple[str, str]:
    """A cause for which tasks failed, and what to do about it."""
    last = each["example"]
    host = f"{last['host']}, " if last["host"] else ""
    return f"{each['count']} x {each['title']} (the last: {host}task {last['id'][:8]})", each["advice"]


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "show what has to be known first: how the service is, why tasks failed since yesterday, what is stuck"
    parser = add_command(commands, "status", does, "status")
    add_form(parser)
    add_service(parser)
    parser.set_defaults(run=_status)


def _status(options: argparse.Namespace) -> int:
    found = service_of(options).get("status")
    form = form_of(options)
    if form == "csv":
        show(found["health"], _HEALTH, form)
    elif form != "table":
        document(found, form)
    else:
        callbacks = found["callbacks"]
        facts(
            [
                ("Version", found["version"]),
                ("Running", f"{found['running']} tasks"),
                ("Callbacks", f"{callbacks['pending']} wait, {callbacks['parked']} are not sent any more"),
            ]
        )
        print()
        show(found["health"], _HEALTH, "table")
        sentences("Failed since yesterday", map(failure, found["failures"]))
        sentences("Stuck", map(stuck, found["stuck"]))
    return Status.FINE if all(item["ok"] for item in found["health"]) else Status.FAILED
