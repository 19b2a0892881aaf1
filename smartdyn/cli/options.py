"""Options that several subcommands have."""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_FOLDER = "/etc/smartdyn"


def add_folder(parser: argparse.ArgumentParser) -> None:
    """C{--config-dir}."""
    parser.add_argument(
        "-c", "--config-dir", type=Path, default=Path(DEFAULT_FOLDER), help="directory with settings.yml (%(default)s)"
    )
