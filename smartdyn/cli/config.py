"""C{smartdyn config}: the settings."""

from __future__ import annotations

import argparse
from typing import Any

from smartdyn.cli.options import add_folder


def add(commands: Any) -> None:
    """Add it to the command line."""
    config = commands.add_parser("config", help="look at the settings").add_subparsers(metavar="WHAT", required=True)
    check = config.add_parser("check", help="say what is wrong with the settings")
    add_folder(check)
    check.set_defaults(run=_check)
    show = config.add_parser("show", help="show the settings in force")
    add_folder(show)
    show.set_defaults(run=_show)


def _check(options: argparse.Namespace) -> int:
    from smartdyn.settings import load_settings  # noqa: PLC0415

    load_settings(options.config_dir.absolute())
    print(f"The settings in {options.config_dir} are fine.")
    return 0


def _show(options: argparse.Namespace) -> int:
    from smartdyn.settings.show import render  # noqa: PLC0415

    print(render(options.config_dir.absolute()), end="")
    return 0
