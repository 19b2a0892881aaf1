"""Finds action classes by name.

Names come from requests and from the database, so they are looked up in a table and never resolved as code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from smartdyn.actions.action import Action
from smartdyn.actions.events import EventTypes
from smartdyn.actions.hooks import find_hooks
from smartdyn.actions.middleware import Middlewares
from smartdyn.errors import UnknownAction
from smartdyn.model import rules
from smartdyn.model.records import Step


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
    """Action classes by their names and aliases, and what has been found out about them.

    @ivar events: the classes of events that can be stored.
    @ivar middleware: who wraps what the actions do.
    """

    def __init__(self, actions: Iterable[type[Action]] = ()) -> None:
        self.events = EventTypes()
        self.middleware = Middlewares()
        self._by_name: dict[str, type[Action]] = {}
        self._hooks: dict[str, dict[str, list[str]]] = {}
        self._subscribers: dict[str, list[type[Action]]] = {}
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
        for event in action.events:
            self.events.register(event)
        hooks = find_hooks(action)
        if hooks:
            self._hooks[action.name()] = hooks
        for trigger in action.subscribes_to:
            subscribers = self._subscribers.setdefault(trigger if isinstance(trigger, str) else trigger.name(), [])
            if action not in subscribers:
                subscribers.append(action)

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

    def cancellable(self, steps: Iterable[Step]) -> list[Step]:
        """The steps that a cancel reaches while their plan is running."""
        under_way = rules.run_steps(steps, rules.CANCELLABLE)
        return [step for step in under_way if self.find_or_missing(step.action_class).cancellable]

    @property
    def has_hooks(self) -> bool:
        """Has any class hooks?"""
        return bool(self._hooks)

    def require(self, action: type[Action]) -> None:
        """
        @raise RuntimeError: nobody has registered C{action}, so that its steps could not be called later.
        """
        if self._by_name.get(action.name()) is not action:
            raise RuntimeError(
                f"The action class {action.name()} is not registered: add service.registry.register({action.__name__}) "
                "to the plugin's install, or name it in the test's Engine"
            )

    def hooks(self, name: str, kind: str) -> list[str]:
        """The methods of an action class that are to be called at some state of its plan."""
        return self._hooks.get(name, {}).get(kind, [])

    def subscribers(self, action: type[Action]) -> list[type[Action]]:
        """The classes that are planned along with exactly this one."""
        return self._subscribers.get(action.name(), [])

    def parents(self) -> list[str]:
        """The names of the classes that wait for plans which they started."""
        return sorted({action.name() for action in self._by_name.values() if action.counts_sub_plans})
