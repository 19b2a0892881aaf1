"""C{smartdyn log-level}: what is logged, of which part, for how long."""

from __future__ import annotations

import argparse
from typing import Any, Final

from smartdyn.cli.failures import CommandFailed, Status
from smartdyn.cli.options import add_command, add_form, add_service, form_of, seconds, service_of
from smartdyn.cli.show import Column, document, facts, show, time

_WHERE: Final = "/logs/levels"
_LEVELS: Final = (
    Column("PART", lambda row: row[0]),
    Column("LEVEL", lambda row: row[1]),
    Column("BY", lambda row: row[2]),
)


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "show or set what is logged while the service runs, of all or of some parts"
    parser = add_command(commands, "log-level", does, "log-level ssh=debug --for 600")
    parser.add_argument(
        "level", nargs="*", metavar="PART=LEVEL", help="such as ssh=debug; these count instead of others"
    )
    parser.add_argument(
        "--for", type=seconds, dest="seconds", metavar="SECONDS", help="then as before; else until a restart"
    )
    parser.add_argument("--reset", action="store_true", help="those of the settings again")
    add_form(parser)
    add_service(parser)
    parser.set_defaults(run=_level)


def _level(options: argparse.Namespace) -> int:
    if options.reset and options.level:
        raise CommandFailed(Status.USAGE, "Either give levels or --reset.")
    if options.seconds is not None and not options.level:
        raise CommandFailed(Status.USAGE, "--for needs a level, such as ssh=debug.")
    service = service_of(options)
    if options.level or options.reset:
        wanted = {"levels": _wanted(options.level), "for_seconds": options.seconds}
        found = service.proxy("PUT", _WHERE, wanted)
    else:
        found = service.proxy("GET", _WHERE)
    _show(found, form_of(options))
    return 0


def _wanted(given: list[str]) -> dict[str, str]:
    wanted = {}
    for each in given:
        part, equals, level = each.partition("=")
        if not (part and equals and level):
            raise CommandFailed(Status.USAGE, f"{each}: give PART=LEVEL, such as ssh=debug.")
        wanted[part] = level
    return wanted


def _show(found: Any, form: str) -> None:
    rows = [("all others", found["default"], "the settings")]
    rows += [
        (part, level, "the settings") for part, level in found["configured"].items() if part not in found["overridden"]
    ]
    rows += [(part, level, "hand") for part, level in found["overridden"].items()]
    if form in {"table", "csv"}:
        show(sorted(rows), _LEVELS, form)
        if form == "table" and found["until"] is not None:
            facts([("Until", f"{time(found['until'])} UTC")])
    else:
        document(found, form)
