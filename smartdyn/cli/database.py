"""C{smartdyn db}: the database, also while the service runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from smartdyn.cli.options import add_folder


def add(commands: Any) -> None:
    """Add it to the command line."""
    database = commands.add_parser(
        "db", aliases=["database"], help="copy or check the database, also while the service runs"
    )
    what = database.add_subparsers(metavar="WHAT", required=True)
    copy = what.add_parser("backup", help="copy it to a new file; keep a copy of its key file too")
    copy.add_argument("target", type=Path, metavar="FILE", help="the new file")
    add_folder(copy)
    copy.set_defaults(run=_backup)
    check = what.add_parser("check", help="say whether it is sound")
    add_folder(check)
    check.set_defaults(run=_check)


def _backup(options: argparse.Namespace) -> int:
    from smartdyn.store.backup import backup  # noqa: PLC0415  # brings the database with it

    source = _path(options)
    backup(source, options.target)
    print(f"{source} was copied to {options.target}. Its secrets can be read only with its key file: copy that too.")
    return 0


def _check(options: argparse.Namespace) -> int:
    from smartdyn.store.backup import check  # noqa: PLC0415

    path = _path(options)
    problems = check(path)
    for problem in problems:
        print(f"{path}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{path} is sound.")
    return 1 if problems else 0


def _path(options: argparse.Namespace) -> Path:
    from smartdyn.settings import load_settings  # noqa: PLC0415

    settings = load_settings(options.config_dir.absolute())
    return settings.path(settings.database)
