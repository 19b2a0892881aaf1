"""Actions that give themselves a time limit (action/timeouts.rb)."""

from __future__ import annotations

from smartdyn.actions.action import Action
from smartdyn.actions.events import Timeout


class WithTimeout(Action):
    """Mix-in: C{run} gets a L{Timeout} event when the time is up, unless its step has ended by then."""

    def schedule_timeout(self, seconds: float) -> None:
        """Have the L{Timeout} come in C{seconds}; a restart of the service does not put it off."""
        self.plan_event(Timeout(), seconds, optional=True)

    def process_timeout(self) -> None:
        """The time is up: by default the step fails."""
        self.error("Timeout exceeded.")
