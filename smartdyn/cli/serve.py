"""C{smartdyn serve}."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from smartdyn.cli.options import add_folder


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = commands.add_parser("serve", help="run the service in the foreground")
    add_folder(parser)
    parser.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    """Be twistd, so that signals and exit statuses are the service's own."""
    from twisted.scripts.twistd import run  # noqa: PLC0415  # brings Twisted with it

    sys.argv[1:] = ["-n", "--pidfile=", "smartdyn", "--config-dir", str(options.config_dir)]
    run()
    return 0
