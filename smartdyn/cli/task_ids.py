"""Ids of tasks, of which the first characters are enough."""

from __future__ import annotations

from typing import Final

from smartdyn.cli.client import Service
from smartdyn.cli.failures import CommandFailed, Status

_LONG: Final = 36
_SHORTEST: Final = 4
_LOOKED_AT: Final = 20


def whole(service: Service, given: str) -> str:
    """The id that somebody means.

    @raise CommandFailed: there is none, or more than one.
    """
    start = given.removesuffix("…").lower()
    if len(start) >= _LONG:
        return given
    if len(start) < _SHORTEST:
        raise CommandFailed(Status.USAGE, f"{given} is too short: give at least {_SHORTEST} characters of the id.")
    quoted = start.replace("\\", "\\\\").replace('"', '\\"')
    found = service.get("tasks", q=f'"{quoted}"', limit=_LOOKED_AT)["tasks"]
    ids = [task["id"] for task in found if task["id"].lower().startswith(start)]
    if len(ids) > 1:
        raise CommandFailed(Status.USAGE, f"Several tasks begin with {given}: {', '.join(ids[:3])}. Give more of it.")
    if not ids:
        raise CommandFailed(Status.NOT_FOUND, f"There is no task {given}.")
    return str(ids[0])
