"""Whether the parts that everything else waits for still move: what a watchdog asks.

A service that waits for Foreman, for a host or for room on the disk moves: it tries again. Nothing but a restart helps
one whose writer or outbox never came back from what it began.
"""

from __future__ import annotations

from typing import Final, Protocol

WRITER_LIMIT: Final = 120.0
"""Seconds for one commit: a busy disk takes long, but not that long."""

OUTBOX_LIMIT: Final = 1200.0
"""Seconds for one request to Foreman: more than the longest that the outbox gives one."""


class Writer(Protocol):
    """Who writes to the database."""

    @property
    def writing_for(self) -> float:
        """Seconds for which the present commit has been under way."""


class Courier(Protocol):
    """Who brings Foreman its callbacks."""

    @property
    def busy_for(self) -> float:
        """Seconds for which the longest of what is under way has been so."""


def standing_still(writer: Writer, courier: Courier) -> list[str]:
    """What does not move any more, in a sentence each; nothing when all is well.

    It looks at nothing but memory. That it is called at all shows that the reactor moves.
    """
    found = []
    if writer.writing_for > WRITER_LIMIT:
        found.append(f"A commit to the database has been under way for {writer.writing_for:.0f} s. Check its disk.")
    if courier.busy_for > OUTBOX_LIMIT:
        found.append(f"The outbox has been busy with one thing for {courier.busy_for:.0f} s.")
    return found
