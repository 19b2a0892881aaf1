"""Hooks: methods of actions that are called when their plan changes its state (execution_plan/hooks.rb)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from smartdyn.model.states import PlanState

F = TypeVar("F", bound=Callable[..., Any])

KINDS: Final = (*(state.value for state in PlanState), "success", "failure")
_MARK: Final = "_smartdyn_hook_kinds"


def on_plan(*kinds: str) -> Callable[[F], F]:
    """Have a method of an action called with the plan when that comes to one of these states.

    It is called after the state is durable, outside of any step; what it raises is logged and changes nothing. It may
    be a coroutine function. A subclass that does not want it sets the name to None.

    @param kinds: states of plans, C{success} or C{failure} (which follow C{stopped}); none means all.
    @raise ValueError: there is no such kind.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(f"unknown hook {sorted(unknown)}; there are {', '.join(KINDS)}")

    def mark(method: F) -> F:
        setattr(method, _MARK, frozenset(kinds or KINDS))
        return method

    return mark


def find_hooks(kind: type[Any]) -> dict[str, list[str]]:
    """The hooks of an action class: names of methods by kind, in the order of their definition, base classes first."""
    names: dict[str, None] = {}
    for each in reversed(kind.__mro__):
        names.update(dict.fromkeys(vars(each)))
    found: dict[str, list[str]] = {}
    for name in names:
        for wanted in getattr(getattr(kind, name, None), _MARK, ()):
            found.setdefault(wanted, []).append(name)
    return found
