"""The command C{smartdyn}. Imports what a subcommand needs only when it is called: the rest starts in no time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smartdyn import __version__
from smartdyn.errors import SettingsError, SmartdynError

DEFAULT_FOLDER = "/etc/smartdyn"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    @return: the exit status: 0 when all went well, 1 when it did not, 2 when the command line was wrong.
    """
    options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smartdyn", description="Durable workflows for the proxy hosts of Foreman.")
    parser.add_argument("--version", action="version", version=f"smartdyn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="run the service in the foreground")
    _add_folder(serve)
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="run a batch of scripts on an embedded SSH host and show what happens")
    demo.add_argument("--keep", action="store_true", help="leave the service running until interrupted")
    demo.set_defaults(run=_demo)

    config = commands.add_parser("config", help="look at the settings").add_subparsers(metavar="WHAT", required=True)
    check = config.add_parser("check", help="say what is wrong with the settings")
    _add_folder(check)
    check.set_defaults(run=_check)
    show = config.add_parser("show", help="show the settings in force")
    _add_folder(show)
    show.set_defaults(run=_show)
    _add_database(commands)
    return parser


def _add_database(commands: Any) -> None:
    database = commands.add_parser("database", help="copy or check the database, also while the service runs")
    what = database.add_subparsers(metavar="WHAT", required=True)
    copy = what.add_parser("backup", help="copy it to a new file; keep a copy of its key file too")
    copy.add_argument("target", type=Path, metavar="FILE", help="the new file")
    _add_folder(copy)
    copy.set_defaults(run=_backup)
    check = what.add_parser("check", help="say whether it is sound")
    _add_folder(check)
    check.set_defaults(run=_check_database)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config-dir", type=Path, default=Path(DEFAULT_FOLDER), help="directory with settings.yml (%(default)s)"
    )


def _serve(options: argparse.Namespace) -> int:
    """Be twistd, so that signals and exit statuses are the service's own."""
    from twisted.scripts.twistd import run  # noqa: PLC0415  # brings Twisted with it

    sys.argv[1:] = ["-n", "--pidfile=", "smartdyn", "--config-dir", str(options.config_dir)]
    run()
    return 0


def _demo(options: argparse.Namespace) -> int:
    from smartdyn.demo.main import run  # noqa: PLC0415  # brings Twisted with it

    return run(keep=options.keep)


def _check(options: argparse.Namespace) -> int:
    from smartdyn.settings import load_settings  # noqa: PLC0415

    load_settings(options.config_dir.absolute())
    print(f"The settings in {options.config_dir} are fine.")
    return 0


def _show(options: argparse.Namespace) -> int:
    from smartdyn.settings.show import render  # noqa: PLC0415

    print(render(options.config_dir.absolute()), end="")
    return 0


def _backup(options: argparse.Namespace) -> int:
    from smartdyn.store.backup import backup  # noqa: PLC0415  # brings the database with it

    source = _database(options)
    backup(source, options.target)
    print(f"{source} was copied to {options.target}. Its secrets can be read only with its key file: copy that too.")
    return 0


def _check_database(options: argparse.Namespace) -> int:
    from smartdyn.store.backup import check  # noqa: PLC0415

    path = _database(options)
    problems = check(path)
    for problem in problems:
        print(f"{path}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{path} is sound.")
    return 1 if problems else 0


def _database(options: argparse.Namespace) -> Path:
    from smartdyn.settings import load_settings  # noqa: PLC0415

    settings = load_settings(options.config_dir.absolute())
    return settings.path(settings.database)
