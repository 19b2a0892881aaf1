"""C{smartdyn openapi}: the description of the HTTP interface, without a service."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from smartdyn.cli.options import add_command


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "print the OpenAPI document of the HTTP interface, as the service has it at /openapi.json"
    parser = add_command(commands, "openapi", does, "openapi -o yaml")
    parser.add_argument("-o", "--output", choices=("json", "yaml"), default="json", help="the form (%(default)s)")
    parser.add_argument(
        "--prefix",
        default="",
        help="below which Dynflow's routes and the console are: none on a core (default), /dynflow on a smart proxy",
    )
    parser.set_defaults(run=_openapi)


def _openapi(options: argparse.Namespace) -> int:
    from smartdyn.web.routes import describe  # noqa: PLC0415  # brings Twisted with it

    document = describe(options.prefix)
    if options.output == "yaml":
        import yaml  # noqa: PLC0415

        yaml.safe_dump(document, sys.stdout, sort_keys=False, allow_unicode=True)
    else:
        print(json.dumps(document, indent=2))
    return 0
