"""C{smartdyn config}: the settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from smartdyn.cli.options import DEFAULT_FOLDER, add_folder


def add(commands: Any) -> None:
    """Add it to the command line."""
    config = commands.add_parser("config", help="look at the settings").add_subparsers(metavar="WHAT", required=True)
    check = config.add_parser("check", help="say what is wrong with the settings")
    add_folder(check)
    check.set_defaults(run=_check)
    show = config.add_parser("show", help="show the settings in force")
    add_folder(show)
    show.add_argument("--origin", action="store_true", help="say of each where it was set")
    show.set_defaults(run=_show)
    _add_import(config)


def _add_import(config: Any) -> None:
    parser = config.add_parser(
        "import", help="take over the settings of the Ruby services, and say what becomes of each"
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="settings files, instead of a directory",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="DIR",
        help="their directory (/etc/smart_proxy_dynflow_core if that is there, else /etc/foreman-proxy)",
    )
    parser.add_argument("--to", type=Path, metavar="DIR", default=Path(DEFAULT_FOLDER), help="ours (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="write nothing, only say it")
    parser.add_argument("--force", action="store_true", help="replace what an earlier import wrote; a copy is kept")
    parser.set_defaults(run=_import, parser=parser)


def _check(options: argparse.Namespace) -> int:
    from smartdyn.cli.failures import CommandFailed, Status  # noqa: PLC0415
    from smartdyn.settings import load_settings  # noqa: PLC0415
    from smartdyn.settings.script import level_problem, mode_problem  # noqa: PLC0415

    settings = load_settings(options.config_dir.absolute())
    for each in settings.without_effect:
        print(f"Without effect: {each}.")
    if problem := mode_problem(settings) or level_problem(settings):
        raise CommandFailed(Status.FAILED, f"Foreman cannot use this proxy for scripts: {problem}.")
    print(f"The settings in {options.config_dir} are fine.")
    return 0


def _show(options: argparse.Namespace) -> int:
    from smartdyn.settings.show import render  # noqa: PLC0415

    print(render(options.config_dir.absolute(), origin=options.origin), end="")
    return 0


def _import(options: argparse.Namespace) -> int:
    from smartdyn.settings import load_settings  # noqa: PLC0415
    from smartdyn.settings.former import find, home  # noqa: PLC0415
    from smartdyn.settings.moving import plan  # noqa: PLC0415
    from smartdyn.settings.writing import render, report, write  # noqa: PLC0415

    if options.files and options.source:
        options.parser.error("name files, or a directory with --from")
    former = find(options.files or ([options.source] if options.source else []))
    chosen = plan(former, home())
    print("\n".join(report(former, chosen)))
    print()
    if options.dry_run:
        print("Nothing was written.")
        return 0
    folder = options.to.absolute()
    written = write(folder, render(former, chosen), force=options.force)
    if written is None:
        print("The same was written before; there is nothing to do.")
    else:
        path, copy = written
        print(f"Written to {path}." + (f" What was there before is in {copy}." if copy else ""))
    load_settings(folder)
    return 0
