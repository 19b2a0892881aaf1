"""C{smartdyn db prune}."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from smartdyn.cli.failures import CommandFailed, Status
from smartdyn.cli.options import add_folder, add_query, service_of, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from smartdyn.model.query import TaskQuery

_PAUSE: Final = 0.3
"""Seconds between two questions how far it has come."""


def add(commands: Any) -> None:
    """Add it to the command line."""
    parser = commands.add_parser(
        "prune",
        help="delete tasks that ended long ago; without --yes, only say how many these are",
        description="Delete tasks that ended long ago, with their output. What is still needed stays: tasks that have "
        "not ended or wait for somebody, those that Foreman was not told of, and those that others wait for.",
    )
    add_query(parser)
    parser.add_argument(
        "--older-than", required=True, metavar="TIME", help="they ended so long ago (12h, 30d) or before (2026-11-25)"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--dry-run", action="store_true", help="only say how many these are (default)")
    way.add_argument("--yes", action="store_true", help="delete them")
    add_folder(parser)
    parser.set_defaults(run=_prune)


def _prune(options: argparse.Namespace) -> int:
    from smartdyn.errors import DatabaseInUse  # noqa: PLC0415
    from smartdyn.model.query import parse  # noqa: PLC0415
    from smartdyn.store.pruning import count  # noqa: PLC0415  # brings the database with it

    now = time.time()
    wanted, cutoff = parse(options.query, now), _time(options.older_than, now)
    settings = settings_of(options)
    path = settings.path(settings.database)
    if not options.yes:
        found = count(path, wanted, cutoff)
        print(f"{found} tasks would be deleted. Say --yes to delete them." if found else "No task would be deleted.")
        return 0
    archive = settings.path(settings.backup_dir) if settings.backup_deleted_plans else None
    try:
        deleted = _without_service(path, wanted, cutoff, archive)
    except DatabaseInUse:
        deleted = _by_service(options, cutoff)
    print(f"{deleted} tasks were deleted.")
    return 0


def _time(value: str, now: float) -> float:
    from smartdyn.model.query import point_in_time  # noqa: PLC0415

    try:
        return min(point_in_time(value, now), now)
    except ValueError as error:
        raise CommandFailed(Status.USAGE, f"--older-than: {error}.") from None


def _without_service(path: Path, wanted: TaskQuery, cutoff: float, archive: Path | None) -> int:
    """
    @raise smartdyn.errors.DatabaseInUse: the service runs.
    """
    from smartdyn.actions.ledger import BEGUN  # noqa: PLC0415
    from smartdyn.model.audit import Actor, AuditEntry  # noqa: PLC0415
    from smartdyn.model.ids import random_id  # noqa: PLC0415
    from smartdyn.store.pruning import Order, prune  # noqa: PLC0415

    by = Actor(_who(), None, "command line")
    entry = AuditEntry(time.time(), by, "prune", str(wanted) or "all tasks", BEGUN, random_id())
    return prune(path, Order(wanted, cutoff, archive, entry), time.time)


def _by_service(options: argparse.Namespace, cutoff: float) -> int:
    """Have the service do it, which is the only one that writes while it runs."""
    service = service_of(options)
    state = service.post("prune", body={"query": options.query, "over_at": cutoff})
    while not state["over"]:
        time.sleep(_PAUSE)
        state = service.get("prune", state["key"])
        if sys.stderr.isatty():
            print(f"\r\x1b[K{state['deleted']} tasks", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if state["failed"]:
        raise CommandFailed(Status.FAILED, state["outcome"])
    return int(state["deleted"] or 0)


def _who() -> str:
    """Who calls, also through sudo."""
    ours = pwd.getpwuid(os.geteuid()).pw_name
    behind = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None
    return f"{behind} through {ours}" if behind else ours
