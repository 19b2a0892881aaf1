"""The command C{smartdyn}. Imports what a subcommand needs only when it is called: the rest starts in no time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from smartdyn import __version__
from smartdyn.cli import config, database, demo, serve
from smartdyn.errors import SettingsError, SmartdynError

_SUBCOMMANDS: Final = (serve, demo, config, database)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    @return: the exit status: 0 when all went well, 1 when it did not, 2 when the command line was wrong.
    """
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except SettingsError as error:
        for problem in error.problems:
            print(f"smartdyn: {problem}", file=sys.stderr)
        return 1
    except SmartdynError as error:
        print(f"smartdyn: {error}", file=sys.stderr)
        return 1
    return status


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(prog="smartdyn", description="Durable workflows for the proxy hosts of Foreman.")
    whole.add_argument("--version", action="version", version=f"smartdyn {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for subcommand in _SUBCOMMANDS:
        subcommand.add(commands)
    return whole
