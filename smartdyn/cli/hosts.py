"""C{smartdyn hosts}: the hosts that jobs ran on, and their keys."""

from __future__ import annotations

import argparse
from typing import Any, Final

from smartdyn.cli.failures import CommandFailed, Status
from smartdyn.cli.options import add_command, add_form, add_service, form_of, service_of
from smartdyn.cli.show import Column, document, facts, optional, sentences, show, time
from smartdyn.cli.status import failure
from smartdyn.cli.task_list import COLUMNS, state

_HOSTS: Final = (
    Column("HOST", lambda host: host["name"], least=10),
    Column("RUNNING", lambda host: host["running"]),
    Column("LAST", lambda host: host["last"] and state(host["last"]), optional, coloured=True),
    Column("WHEN", lambda host: host["last"] and host["last"]["created_at"], time),
    Column("TASK", lambda host: host["last"] and host["last"]["id"], optional, least=9, first=True),
)
_KEYS: Final = (
    Column("KEY", lambda key: key["type"]),
    Column("FINGERPRINT", lambda key: key["fingerprint"]),
    Column("MARKED", lambda key: key["marker"], lambda marker: marker or "-"),
    Column("IN", lambda key: key["place"], least=12),
)


def add(commands: Any) -> None:
    """Add it to the command line."""
    hosts = add_command(
        commands, "hosts", "show the hosts that jobs ran on, and their keys", "hosts show web1.example.org"
    )
    add_form(hosts, ids=True)
    add_service(hosts)
    hosts.set_defaults(run=_list, part="")
    what = hosts.add_subparsers(metavar="WHAT")
    find = add_command(what, "list", "show hosts by name, with what they do (100 at most)", "hosts list web")
    find.add_argument("part", nargs="?", default="", help="a part of their names")
    does = "show the tasks of a host, why they failed, and its keys"
    look = add_command(what, "show", does, "hosts show web1.example.org")
    does = "have the next job learn the key of a host anew, as after a reinstallation"
    forget = add_command(what, "forget-key", does, "hosts forget-key web1.example.org")
    for parser, run in ((find, _list), (look, _show), (forget, _forget)):
        if parser is not find:
            parser.add_argument("name")
        if parser is not forget:
            add_form(parser, ids=parser is find)
        add_service(parser)
        parser.set_defaults(run=run)


def _list(options: argparse.Namespace) -> int:
    show(service_of(options).get("hosts", q=options.part)["hosts"], _HOSTS, form_of(options))
    return 0


def _show(options: argparse.Namespace) -> int:
    found = service_of(options).get("host", name=options.name)
    if not (found["running"] or found["tasks"] or found["keys"]):
        raise CommandFailed(
            Status.NOT_FOUND, f"Nothing is known of {options.name}: it has no key and no task. Try: smartdyn hosts list"
        )
    if form_of(options) == "csv":
        show(found["tasks"], COLUMNS, "csv")
    elif form_of(options) != "table":
        document(found, form_of(options))
    else:
        facts([("Host", found["name"]), ("Running", str(found["running"]))])
        sentences("Failed", map(failure, found["failures"]))
        for rows, columns in ((found["keys"], _KEYS), (found["tasks"], COLUMNS)):
            if rows:
                print()
                show(rows, columns, "table")
    return 0


def _forget(options: argparse.Namespace) -> int:
    service_of(options).post("host", "forget-key", body={"name": options.name})
    print(f"The next job on {options.name} learns its key anew.")
    return 0
