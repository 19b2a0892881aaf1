"""Whether plans are accepted from outside: an admin may want those that are there to end, and no new ones to begin."""

from __future__ import annotations

from dataclasses import dataclass

from smartdyn.errors import Draining


@dataclass(frozen=True, slots=True)
class Drain:
    """
    @param by: who wants it.
    @param since: seconds since the epoch.
    """

    by: str
    since: float


class Intake:
    """Open, unless it is being drained. A restart opens it: what was drained for is done then.

    @ivar drain: set while nothing is accepted.
    """

    drain: Drain | None = None

    def close(self, drain: Drain) -> None:
        """Accept no more; who wanted it first is remembered."""
        self.drain = self.drain or drain

    def open(self) -> None:
        """Accept again."""
        self.drain = None

    def require_open(self) -> None:
        """
        @raise Draining: nothing is accepted.
        """
        if self.drain is not None:
            raise Draining(self.drain.by)
