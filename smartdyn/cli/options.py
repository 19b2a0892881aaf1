"""Options that several subcommands have."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smartdyn.settings import Settings

DEFAULT_FOLDER = "/etc/smartdyn"


def add_folder(parser: argparse.ArgumentParser) -> None:
    """C{--config-dir}."""
    parser.add_argument(
        "-c",
        "--config-dir",
        type=Path,
        default=Path(DEFAULT_FOLDER),
        metavar="DIR",
        help="directory with settings.yml (%(default)s)",
    )


def add_query(parser: argparse.ArgumentParser) -> None:
    """C{QUERY}, which finds tasks."""
    parser.add_argument(
        "query",
        nargs="?",
        default="",
        metavar="QUERY",
        help="a search as in the console, such as 'state:failed host:web* since:7d'; without one, all tasks",
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings in C{--config-dir}.

    @raise smartdyn.errors.SettingsError: they cannot be used.
    """
    from smartdyn.settings import load_settings  # noqa: PLC0415  # brings YAML with it

    return load_settings(options.config_dir.absolute())
