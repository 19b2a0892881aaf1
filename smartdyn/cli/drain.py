"""C{smartdyn drain}: no new jobs, and wait until those that there are have ended."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.failures import Status
from smartdyn.cli.options import add_command, add_service, seconds, service_of

_PAUSE: Final = 0.5


def add(commands: Any) -> None:
    """Add it to the command line."""
    does = "take no new jobs, and wait until those that there are have ended"
    parser = add_command(commands, "drain", does, "drain --timeout 600")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--off", action="store_true", help="take new jobs again; so does a restart of the service")
    way.add_argument("--status", action="store_true", help="only say how it is")
    way.add_argument("--no-wait", action="store_true", help="do not wait")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="wait no longer than that")
    add_service(parser)
    parser.set_defaults(run=_drain)


def _drain(options: argparse.Namespace) -> int:
    service = service_of(options)
    found = service.get("drain") if options.status else service.post("drain", body={"draining": not options.off})
    if found["draining"] and not options.status and not options.no_wait:
        return _wait(service, found, options.timeout)
    print(_sentence(found))
    return 0


def _wait(service: Service, found: Any, timeout: float | None) -> int:
    """Until nothing runs any more, or somebody ends it."""
    began = time.monotonic()
    print("No new jobs are taken; `smartdyn drain --off` makes it take them again.")
    while found["draining"] and found["running"]:
        if timeout is not None and time.monotonic() - began >= timeout:
            print(_sentence(found), file=sys.stderr)
            return Status.FAILED
        if sys.stderr.isatty():
            print(f"\r\x1b[K{found['running']} tasks run", end="", file=sys.stderr, flush=True)
        time.sleep(_PAUSE)
        found = service.get("drain")
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    print(_sentence(found))
    return Status.FINE if found["draining"] else Status.FAILED


def _sentence(found: Any) -> str:
    if not found["draining"]:
        return f"New jobs are taken; {found['running']} tasks run."
    return f"{found['by']} drains the service; {found['running'] or 'no'} tasks run."
