"""Which plan holds the right to run an action of which only one may be active (action/singleton.rb)."""

from __future__ import annotations


class SingletonActive(Exception):
    """Another plan with this action is under way."""

    def __init__(self, action: str) -> None:
        super().__init__(f"Action {action} is already active")
        self.action = action


class Singletons:
    """The holders of all singleton actions.

    Kept in memory: one process owns the database, and what is under way when it starts claims its rights again.
    """

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def claim(self, action: str, plan_id: str) -> None:
        """Take the right, which a plan may do more than once.

        @raise SingletonActive: another plan has it.
        """
        if self._holders.setdefault(action, plan_id) != plan_id:
            raise SingletonActive(action)

    def release(self, plan_id: str) -> None:
        """Give back all that a plan holds: it is paused or stopped."""
        for action in [action for action, holder in self._holders.items() if holder == plan_id]:
            del self._holders[action]
