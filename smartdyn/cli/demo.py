"""C{smartdyn demo}."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = commands.add_parser("demo", help="run a batch of scripts on an embedded SSH host and show what happens")
    parser.add_argument("--keep", action="store_true", help="leave the service running until interrupted")
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from smartdyn.demo.main import run  # noqa: PLC0415  # brings Twisted with it

    return run(keep=options.keep)
