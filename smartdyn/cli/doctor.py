"""C{smartdyn doctor}: what is wrong here, and what to do."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from smartdyn.cli.options import add_folder
from smartdyn.errors import SettingsError

if TYPE_CHECKING:
    from smartdyn.doctor.verdict import Finding


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="look at everything the service needs, whether it runs or not, and say what is wrong and what to do",
        epilog="Ends with 0 when there is no error (there may be warnings), with 1 when there is one.",
    )
    add_folder(parser)
    parser.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="how to show it (%(default)s)"
    )
    parser.add_argument("--all", action="store_true", help="show also what is well")
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="make this check; can be repeated")
    parser.add_argument("--list", action="store_true", help="show the checks that there are, and make none")
    parser.add_argument(
        "--host",
        metavar="[USER@]HOST[:PORT]",
        help="log in there as the service does, and look whether scripts can be run; the other checks are left out",
    )
    parser.add_argument("--effective-user", metavar="USER", help="with --host: whom scripts are run as (root)")
    parser.add_argument(
        "--method", choices=("sudo", "su", "dzdo"), default="sudo", help="with --host: how to become that user"
    )
    parser.set_defaults(run=_run, parser=parser)


def _run(options: argparse.Namespace) -> int:
    from smartdyn.doctor import report  # noqa: PLC0415
    from smartdyn.doctor.registry import KINDS  # noqa: PLC0415  # brings cryptography and Conch with it

    known = {check.id: check.title for checks in KINDS.values() for check in checks}
    if options.list:
        print("".join(f"{id:22} {title}\n" for id, title in known.items()), end="")
        return 0
    if unknown := [each for each in options.only if each not in known]:
        options.parser.error(f"there is no check {unknown[0]}; --list shows them")
    findings = _at_host(options) if options.host else _here(options)
    if options.output == "json":
        print(report.as_json(findings), end="")
    else:
        print(report.table(findings, everything=options.all or bool(options.only)), end="")
    return 0 if report.is_clean(findings) else 1


def _here(options: argparse.Namespace) -> list[Finding]:
    from smartdyn.doctor.examine import examine  # noqa: PLC0415
    from smartdyn.doctor.gather import gather  # noqa: PLC0415
    from smartdyn.doctor.registry import KINDS  # noqa: PLC0415
    from smartdyn.settings.load import Kind  # noqa: PLC0415

    context = gather(options.config_dir)
    unreadable = [each.text for each in context.reading.problems if each.kind is Kind.UNREADABLE]
    if unreadable and not context.sees_all:
        raise SettingsError([*unreadable, "Run this as root: without the settings there is nothing to look at."])
    if not context.sees_all:
        print(f"smartdyn: run this as root or as {context.account.name} to see everything", file=sys.stderr)
    return examine(context, KINDS, only=options.only)


def _at_host(options: argparse.Namespace) -> list[Finding]:
    from smartdyn.doctor.gather import gather  # noqa: PLC0415
    from smartdyn.doctor.target import findings  # noqa: PLC0415
    from smartdyn.doctor.travel import go  # noqa: PLC0415  # brings a reactor with it
    from smartdyn.doctor.visit import Destination  # noqa: PLC0415

    context = gather(options.config_dir)
    return findings(context, go(context, Destination(options.host, options.effective_user, options.method)))
