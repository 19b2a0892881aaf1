"""The command C{smartdyn}. Imports what a subcommand needs only when it is called: the rest starts in no time."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from smartdyn import __version__
from smartdyn.cli import (
    completion,
    config,
    database,
    demo,
    doctor,
    drain,
    hosts,
    log_level,
    openapi,
    queue,
    serve,
    status,
    support_bundle,
    tasks,
)
from smartdyn.cli.failures import STATUSES, CommandFailed, Status
from smartdyn.cli.show import complain
from smartdyn.errors import InvalidRequest, SettingsError, SmartdynError

_SUBCOMMANDS: Final = (
    serve,
    demo,
    status,
    tasks,
    hosts,
    queue,
    drain,
    log_level,
    config,
    database,
    doctor,
    support_bundle,
    openapi,
    completion,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    @return: the exit status: one of L{Status}, or a script's.
    """
    options = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        ended: int = options.run(options)
        sys.stdout.flush()
    except CommandFailed as error:
        complain(str(error))
        return error.status
    except SettingsError as error:
        for problem in error.problems:
            complain(problem)
        return Status.FAILED
    except InvalidRequest as error:
        complain(str(error))
        return Status.USAGE
    except SmartdynError as error:
        complain(str(error))
        return Status.FAILED
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    except BrokenPipeError:
        # Nobody reads the rest; Python would complain of it once more when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.FAILED
    return ended


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    about = "Durable workflows for the proxy hosts of Foreman."
    whole = argparse.ArgumentParser(prog="smartdyn", description=about, epilog=STATUSES)
    whole.add_argument("--version", action="version", version=f"smartdyn {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for subcommand in _SUBCOMMANDS:
        subcommand.add(commands)
    return whole
