"""Finds action classes by name.

Names come from requests and from the database, so they are looked up in a table and never resolved as code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from smartdyn.actions.action import Action
from smartdyn.errors import UnknownAction


class MissingAction(Action):
    """Stands in for a class that a stored plan names and that is not installed (action/missing.rb)."""

    def run(self, event: Any = None) -> NoReturn:
        """Fail, saying why."""
        self._missing("run")

    def finalize(self) -> NoReturn:
        """Fail, saying why."""
        self._missing("finalize")

    def _missing(self, phase: str) -> NoReturn:
        self.error(
            f"The action class was not found and therefore {phase} phase failed, this can happen if the plugin that "
            "provides it was removed. Install it again and resume the task."
        )


class Registry:
    """Action classes by their names and aliases."""

    def __init__(self, actions: Iterable[type[Action]] = ()) -> None:
        self._by_name: dict[str, type[Action]] = {}
        for action in actions:
            self.register(action)

    def register(self, action: type[Action]) -> None:
        """Make C{action} known under its name and aliases.

        @raise ValueError: one of them is taken by another class.
        """
        for name in (action.name(), *action.aliases):
            known = self._by_name.setdefault(name, action)
            if known is not action:
                raise ValueError(f"two action classes are called {name}: {known!r} and {action!r}")

    def find(self, name: str) -> type[Action]:
        """The class of this name or alias.

        @raise UnknownAction: there is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownAction(name) from None

    def find_or_missing(self, name: str) -> type[Action]:
        """The class of this name, or one that shows as missing and fails when it is run."""
        return self._by_name.get(name, MissingAction)
