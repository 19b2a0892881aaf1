"""C{smartdyn db}: the database, also while the service runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from smartdyn.cli import export, prune
from smartdyn.cli.options import add_folder, settings_of


def add(commands: Any) -> None:
    """Add it to the command line."""
    database = commands.add_parser(
        "db", aliases=["database"], help="copy, check, export or prune the database, also while the service runs"
    )
    what = database.add_subparsers(metavar="WHAT", required=True)
    copy = what.add_parser("backup", help="copy it to a new file; keep a copy of its key file too")
    copy.add_argument("target", type=Path, metavar="FILE", help="the new file")
    add_folder(copy)
    copy.set_defaults(run=_backup)
    check = what.add_parser("check", help="say whether it and its key file are sound; ends with 1 when they are not")
    add_folder(check)
    check.set_defaults(run=_check)
    export.add(what)
    prune.add(what)


def _backup(options: argparse.Namespace) -> int:
    from smartdyn.store.backup import backup  # noqa: PLC0415  # brings the database with it

    settings = settings_of(options)
    source = settings.path(settings.database)
    backup(source, options.target)
    print(f"{source} was copied to {options.target}.")
    print(f"Its secrets can be read only with the key file {settings.key_file}: copy that too.")
    return 0


def _check(options: argparse.Namespace) -> int:
    from smartdyn.store.checkup import examine  # noqa: PLC0415  # brings the database with it

    settings = settings_of(options)
    path = settings.path(settings.database)
    found = examine(path, settings.key_file)
    for problem in found.problems:
        print(f"{path}: {problem}", file=sys.stderr)
    if found.problems:
        return 1
    print(f"{path} is sound: {found.tasks} tasks in {found.size / 2**20:.1f} MB, schema {found.schema}.")
    return 0
