"""How times, names and ids are shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def time(seconds: float | None, zone: str = " UTC") -> str:
    """A point in time, UTC.

    @param zone: what is said of that; nothing where it stands above already.
    """
    return "–" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{zone}"


def beside(seconds: float, other: float) -> str:
    """A point in time, UTC, beside which another one stands: of the same day, the time is enough."""
    day, known = (datetime.fromtimestamp(each, UTC) for each in (seconds, other))
    return f"{day:%H:%M:%S}" if day.date() == known.date() else time(seconds, "")


def ago(seconds: float, now: float) -> str:
    """How long a point in time is past, in the largest unit."""
    past = now - seconds
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if past >= size:
            return f"{int(past // size)} {unit} ago"
    return "just now"


def iso(seconds: float) -> str:
    """A point in time as machines read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(seconds: float) -> str:
    """The time of day of a line of output, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"


def duration(seconds: float | None) -> str:
    """A length of time."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def is_id(text: str | None) -> bool:
    """Is it the id of a task, and not something else that can be looked after?"""
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text or "") is not None


def short(identifier: str) -> str:
    """The part of an id that is enough to tell tasks apart."""
    return identifier[:8]


def label(name: str | None) -> str:
    """The last part of an action's name, which says what it does."""
    return (name or "being planned").rpartition("::")[2]
