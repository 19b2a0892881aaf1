"""Whether the parts that everything else waits for still move: what a watchdog asks.

A service that waits for Foreman, for a host or for room on the disk moves: it tries again. Nothing but a restart helps
one whose database or outbox never came back from what it began.
"""

from __future__ import annotations

from typing import Final, Protocol

WRITER_LIMIT: Final = 120.0
"""Seconds for one commit: a busy disk takes long, but not that long."""

READER_LIMIT: Final = 120.0
"""Seconds for one trip of a reader: no question that may be asked takes that long."""

OUTBOX_LIMIT: Final = 1200.0
"""Seconds for one request to Foreman: more than the longest that the outbox gives one."""


class Store(Protocol):
    """The database."""

    @property
    def writing_for(self) -> float:
        """Seconds for which the present commit has been under way."""

    @property
    def reading_for(self) -> float:
        """Seconds for which the longest of the present reads has been under way."""


class Courier(Protocol):
    """Who brings Foreman its callbacks."""

    @property
    def busy_for(self) -> float:
        """Seconds for which the longest of what is under way has been so."""


def standing_still(store: Store, courier: Courier) -> list[str]:
    """What does not move any more, in a sentence each; nothing when all is well.

    It looks at nothing but memory. That it is called at all shows that the reactor moves.
    """
    found = []
    if store.writing_for > WRITER_LIMIT:
        found.append(f"A commit to the database has been under way for {store.writing_for:.0f} s. Check its disk.")
    if store.reading_for > READER_LIMIT:
        found.append(f"The database has not answered for {store.reading_for:.0f} s. Check its disk.")
    if courier.busy_for > OUTBOX_LIMIT:
        found.append(f"The outbox has been busy with one thing for {courier.busy_for:.0f} s.")
    return found
