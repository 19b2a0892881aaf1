"""C{smartdyn db export}."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from smartdyn.cli.options import add_command, add_folder, add_query, settings_of

_STDOUT = Path("-")


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = add_command(
        commands,
        "export",
        "write tasks with their steps, actions and output, a line of JSON for each, the newest first",
        "db export 'state:failed since:1d' failed.jsonl",
        description="Write tasks with their steps, actions and output, a line of JSON for each, the newest first. "
        "Passwords are not in it; scripts and what they printed are.",
    )
    add_query(parser)
    parser.add_argument(
        "file", nargs="?", type=Path, default=_STDOUT, metavar="FILE", help="a new file; - is standard output (default)"
    )
    add_folder(parser)
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from smartdyn.files import fresh  # noqa: PLC0415
    from smartdyn.model.query import parse  # noqa: PLC0415
    from smartdyn.store.export import export  # noqa: PLC0415  # brings the database with it

    wanted = parse(options.query, time.time())
    settings = settings_of(options)
    path = settings.path(settings.database)
    if options.file == _STDOUT:
        export(path, wanted, sys.stdout.write)
        return 0
    with fresh(options.file) as file:
        written = export(path, wanted, lambda piece: file.write(piece.encode()))
    print(f"{written} tasks were written to {options.file}.")
    return 0
