"""Searches that are kept under a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smartdyn.errors import InvalidRequest

MOST_SAVED: Final = 100
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """
    @param words: as they are typed, so that C{since:1h} means an hour before whoever looks.
    @param by: who saved it.
    @param at: when, seconds since the epoch.
    """

    name: str
    words: str
    by: str
    at: float


BUILT_IN: Final = {
    "All": "",
    "Failed today": "state:failed since:24h",
    "Running": "state:running",
    "Waiting for a decision": "state:paused",
    "Scheduled": "state:scheduled",
    "Cancelled": "state:cancelled",
    "Scripts": "label:RunScript",
}
"""Searches that are always there."""


def checked_name(name: str) -> str:
    """A name under which a search can be kept, without the spaces around it.

    @raise InvalidRequest: it is none.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(f"The name of a search has between 1 and {_LONGEST_NAME} printable characters.")
    if name.lower() in {known.lower() for known in BUILT_IN}:
        raise InvalidRequest(f"`{name}` is always there and cannot be changed; choose another name.")
    return name
