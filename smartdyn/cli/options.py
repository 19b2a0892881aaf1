"""Options that several subcommands have."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smartdyn.cli.failures import CommandFailed, Status
from smartdyn.web.way import USUAL_SOCKETS

if TYPE_CHECKING:
    from smartdyn.cli.client import Service
    from smartdyn.settings import Settings

DEFAULT_FOLDER = "/etc/smartdyn"

_NOT_GIVEN: Final = argparse.SUPPRESS
"""A command with commands below it has the same options as these, and keeps what it was given."""

FORMS: Final = ("table", "json", "jsonl", "yaml", "csv")


def add_command(commands: Any, name: str, does: str, example: str, **more: Any) -> argparse.ArgumentParser:
    """Add a subcommand to a command line.

    @param does: what it does, in a sentence without its capital and its full stop.
    @param more: what else C{add_parser} takes, such as a C{description} that says more.
    """
    about = {"description": f"{does[0].upper()}{does[1:]}.", **more}
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=does, epilog=f"For example: smartdyn {example}", **about
    )
    return added


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
    return _load(options.config_dir)


def add_service(parser: argparse.ArgumentParser) -> None:
    """How to reach the service."""
    group = parser.add_argument_group("the service", argument_default=_NOT_GIVEN)
    way = group.add_mutually_exclusive_group()
    way.add_argument("--socket", type=Path, metavar="PATH", help="its unix socket (SMARTDYN_SOCKET)")
    way.add_argument("-c", "--config-dir", type=Path, metavar="DIR", help="its settings, which name the socket")
    way.add_argument("--url", help="where it is on the network, such as https://proxy:9090 (SMARTDYN_URL)")
    group.add_argument("--ca", metavar="FILE", help="the CA of its certificate (SMARTDYN_CA)")
    group.add_argument("--cert", metavar="FILE", help="our certificate (SMARTDYN_CERT)")
    group.add_argument("--key", metavar="FILE", help="the key of that (SMARTDYN_KEY)")


def add_form(parser: argparse.ArgumentParser, *, ids: bool = False) -> None:
    """C{--output}.

    @param ids: what is shown are things with ids or names, of which nothing else may be wanted.
    """
    forms = (*FORMS, "id") if ids else FORMS
    parser.add_argument("-o", "--output", choices=forms, default=_NOT_GIVEN, help="how to show it (table)")


def seconds(text: str) -> float:
    """A length of time, for argparse."""
    found = float(text)
    if not 0 <= found < math.inf:
        raise ValueError
    return found


def form_of(options: argparse.Namespace) -> str:
    """How the answer is to be shown."""
    form: str = getattr(options, "output", "table")
    return form


def service_of(options: argparse.Namespace) -> Service:
    """The service that the command line means.

    @raise smartdyn.cli.failures.CommandFailed: it means none.
    @raise smartdyn.errors.SettingsError: the settings that should name it cannot be used.
    """
    from smartdyn.cli.client import Service, UnixWay, UrlWay  # noqa: PLC0415  # brings HTTP and TLS with it

    given, known = vars(options), os.environ
    named = given.get("socket") or ("config_dir" in given and _socket_in(options.config_dir))
    url = given.get("url") or (None if known.get("SMARTDYN_SOCKET") else known.get("SMARTDYN_URL"))
    if url and not named:
        ca, cert, key = (given.get(name) or known.get(f"SMARTDYN_{name.upper()}") for name in ("ca", "cert", "key"))
        return Service(UrlWay(url, ca=ca, cert=cert, key=key))
    named = named or known.get("SMARTDYN_SOCKET")
    behind_sudo = known.get("SUDO_USER") if os.geteuid() == 0 else None
    return Service(UnixWay([Path(named)] if named else USUAL_SOCKETS), behind_sudo)


def _socket_in(folder: Path) -> Path:
    """The socket that settings name."""
    found = _load(folder).socket_path
    if found is None:
        raise CommandFailed(Status.USAGE, f"The settings in {folder} want no socket. Say where it is with --url.")
    return found


def _load(folder: Path) -> Settings:
    from smartdyn.settings import load_settings  # noqa: PLC0415  # brings YAML with it

    return load_settings(folder.absolute())
