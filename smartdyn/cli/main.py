"""The command C{smartdyn}. Imports what a subcommand needs only when it is called: the rest starts in no time."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from smartdyn import __version__
from smartdyn.cli.failures import STATUSES, CommandFailed, Status
from smartdyn.cli.show import complain
from smartdyn.errors import InvalidRequest, SettingsError, SmartdynError

_SUBCOMMANDS: Final = {
    "serve": "serve",
    "demo": "demo",
    "status": "status",
    "tasks": "tasks",
    "hosts": "hosts",
    "queue": "queue",
    "drain": "drain",
    "log-level": "log_level",
    "config": "config",
    "db": "database",
    "doctor": "doctor",
    "support-bundle": "support_bundle",
    "openapi": "openapi",
    "completion": "completion",
}
"""The modules of the subcommands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    @return: the exit status: one of L{Status}, or a script's.
    """
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(given[0] if given else None).parse_args(given)
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


def parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """The command line.

    @param wanted: a subcommand, which is then the only one: loading the others would take longer than most of them.
    """
    about = "Durable workflows for the proxy hosts of Foreman."
    whole = argparse.ArgumentParser(prog="smartdyn", description=about, epilog=STATUSES)
    whole.add_argument("--version", action="version", version=f"smartdyn {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    module = _SUBCOMMANDS.get(wanted) if wanted is not None else None
    for name in _SUBCOMMANDS.values() if module is None else (module,):
        import_module(f"smartdyn.cli.{name}").add(commands)
    return whole
