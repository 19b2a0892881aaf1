"""C{smartdyn support-bundle}."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartdyn.cli.options import add_command, add_folder
from smartdyn.web.way import USUAL_SOCKETS

if TYPE_CHECKING:
    from smartdyn.settings import Settings


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = add_command(
        commands,
        "support-bundle",
        "collect what a support case needs, without secrets, whether the service runs or not",
        "support-bundle --task 0d5a1f9e -o case.tar.gz",
        description="Collect versions, settings, health, logs, numbers and the last failures in one file, without "
        "secrets; its MANIFEST says what is inside and what was left out. Names of hosts and accounts are in it.",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the new file (a name in this directory)")
    parser.add_argument(
        "--task", action="append", default=[], metavar="ID", help="a task that the case is about; can be repeated"
    )
    parser.add_argument(
        "--with-output", action="store_true", help="also the scripts of these tasks and what they printed"
    )
    add_folder(parser)
    parser.set_defaults(run=_bundle, parser=parser)


def _bundle(options: argparse.Namespace) -> int:
    from smartdyn.doctor.gather import gather  # noqa: PLC0415
    from smartdyn.support import bundle, configuration, known, machine, records  # noqa: PLC0415
    from smartdyn.support.case import Case  # noqa: PLC0415
    from smartdyn.support.redaction import Redactor  # noqa: PLC0415  # bring most of the service with them

    if options.with_output and not options.task:
        options.parser.error("--with-output needs a --task")
    context = gather(options.config_dir)
    path: Path = options.output or Path(
        f"smartdyn-support-{socket.gethostname()}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
    )
    case = Case(context, _asker(context.settings), tuple(options.task), options.with_output)
    collectors = [*machine.COLLECTORS, *configuration.COLLECTORS, *records.COLLECTORS, *records.of_tasks(case)]
    problems = bundle.write(path, case, collectors, Redactor(known.secrets(context)))
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    print(f"{path} is written. Its MANIFEST says what is in it; look through it before you give it away.")
    return 0


def _usual_name() -> Path:
    return Path(f"smartdyn-support-{socket.gethostname()}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz")


def _asker(settings: Settings) -> Callable[[str], bytes]:
    """Asks the service over its unix socket."""
    from smartdyn.cli.client import UnixWay  # noqa: PLC0415  # brings HTTP and TLS with it

    named = settings.socket_path
    way = UnixWay([named] if named else USUAL_SOCKETS)

    def ask(path: str) -> bytes:
        connection = way.connect()
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    return ask
