"""Middleware: code that wraps what actions do, for all actions of a service or for a class of them (middleware.rb).

The order is worked out from rules that say who stands outside of whom, so that plugins need not know each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smartdyn.actions.action import Action

Call = Callable[..., Any]


class Middleware:
    """Base of all middleware: each method wraps one kind of call, and by default does nothing but C{call}.

    A new object is made for each call. What C{call} returns may be awaitable when the action's own method is; then the
    wrapper must be a coroutine function if it wants to do something afterwards. A wrapper that does not call C{call}
    keeps the inner one from happening.

    @ivar action: the action, None where a whole phase is wrapped.
    """

    def __init__(self, action: Action | None) -> None:
        self.action = action

    def delay(self, call: Call, options: Any, *args: Any) -> Any:
        """Wraps the storing of arguments for later."""
        return call(options, *args)

    def plan_phase(self, call: Call, plan_id: str) -> Any:
        """Wraps the whole planning of a plan; the root action's class decides who does."""
        return call(plan_id)

    def plan(self, call: Call, *args: Any) -> Any:
        """Wraps one action's C{plan}; may change the arguments."""
        return call(*args)

    def run(self, call: Call, *event: Any) -> Any:
        """Wraps each C{run}; there is an event or there is none."""
        return call(*event)

    def finalize_phase(self, call: Call, plan_id: str) -> Any:
        """Wraps all C{finalize} of a plan; C{call} gives a Deferred. The first one's class decides who does."""
        return call(plan_id)

    def finalize(self, call: Call) -> Any:
        """Wraps one C{finalize}."""
        return call()

    def present(self, call: Call) -> Any:
        """Wraps the loading of an action to be shown: its C{output} may be changed, for the reader only."""
        return call()

    def hook(self, call: Call, plan: Any) -> Any:
        """Wraps the hooks of one action."""
        return call(plan)


@dataclass(frozen=True, slots=True)
class _Rule:
    before: frozenset[type[Middleware]] = frozenset()
    after: frozenset[type[Middleware]] = frozenset()


class MiddlewareRules:
    """Which middleware is used, and in what order."""

    def __init__(self) -> None:
        self.rules: dict[type[Middleware], _Rule] = {}
        self.replacements: dict[type[Middleware], type[Middleware] | None] = {}

    def use(
        self,
        middleware: type[Middleware],
        *,
        before: type[Middleware] | None = None,
        after: type[Middleware] | None = None,
        replace: type[Middleware] | None = None,
    ) -> MiddlewareRules:
        """Use C{middleware}.

        @param before: stand outside of this one.
        @param after: stand inside of it.
        @param replace: take its place.
        @return: these rules, so that calls can be chained in a class body.
        """
        self._merge(middleware, before, after)
        if replace is not None:
            self.replacements[replace] = middleware
        return self

    def do_not_use(self, middleware: type[Middleware]) -> MiddlewareRules:
        """Leave out what an outer rule uses."""
        self.replacements[middleware] = None
        return self

    def _merge(
        self, middleware: type[Middleware], before: type[Middleware] | None, after: type[Middleware] | None
    ) -> None:
        rule = self.rules.get(middleware, _Rule())
        if before is not None:
            rule = replace(rule, before=rule.before | {before})
        if after is not None:
            rule = replace(rule, after=rule.after | {after})
        self.rules[middleware] = rule


class MiddlewareCycle(ValueError):
    """The rules contradict each other."""


def resolve(levels: Iterable[MiddlewareRules]) -> tuple[type[Middleware], ...]:
    """The middleware in its order, the outermost first.

    @param levels: the service's rules, then those of the classes from the base down; later replacements win.
    @raise MiddlewareCycle: one must be both outside and inside of another.
    """
    rules: dict[type[Middleware], _Rule] = {}
    replacements: dict[type[Middleware], type[Middleware] | None] = {}
    for level in levels:
        for middleware, rule in level.rules.items():
            known = rules.get(middleware, _Rule())
            rules[middleware] = _Rule(known.before | rule.before, known.after | rule.after)
        replacements.update(level.replacements)
    order = _replaced(rules, replacements)
    sorter: TopologicalSorter[type[Middleware]] = TopologicalSorter()
    for middleware, rule in order.items():
        sorter.add(middleware, *(outer for outer in rule.after if outer in order))
        for inner in rule.before:
            if inner in order:
                sorter.add(inner, middleware)
    return _sorted(sorter, list(order))


def _replaced(
    rules: Mapping[type[Middleware], _Rule], replacements: Mapping[type[Middleware], type[Middleware] | None]
) -> dict[type[Middleware], _Rule]:
    order = dict(rules)
    for old, new in replacements.items():
        if old not in order or new is old:
            continue
        place = list(order).index(old)
        gone = order.pop(old)
        if new is None:
            continue
        own = order.pop(new, _Rule())
        items = list(order.items())
        items.insert(min(place, len(items)), (new, _Rule(own.before | gone.before, own.after | gone.after)))
        order = dict(items)
    return order


def _sorted(
    sorter: TopologicalSorter[type[Middleware]], insertion: list[type[Middleware]]
) -> tuple[type[Middleware], ...]:
    """Topological order in which, among those that may come next, the first inserted does."""
    try:
        sorter.prepare()
    except CycleError as error:
        names = " and ".join(each.__name__ for each in error.args[1])
        raise MiddlewareCycle(f"the middleware rules contradict each other: {names}") from None
    found: list[type[Middleware]] = []
    ready: list[type[Middleware]] = []
    while sorter.is_active():
        ready.extend(sorter.get_ready())
        following = min(ready, key=insertion.index)
        ready.remove(following)
        found.append(following)
        sorter.done(following)
    return tuple(found)


class Middlewares:
    """The middleware of a service, worked out once for each class and kind of call."""

    def __init__(self) -> None:
        self._world = MiddlewareRules()
        self._stacks: dict[tuple[type[Any], str], tuple[type[Middleware], ...]] = {}

    def use(self, middleware: type[Middleware], **order: type[Middleware] | None) -> None:
        """Use C{middleware} for all actions; see L{MiddlewareRules.use}."""
        self._world.use(middleware, **order)
        self._stacks.clear()

    def stack(self, action: type[Action], point: str) -> tuple[type[Middleware], ...]:
        """Who wraps the calls of one kind of an action class."""
        key = (action, point)
        if key not in self._stacks:
            levels = [vars(kind)["middleware"] for kind in reversed(action.__mro__) if "middleware" in vars(kind)]
            self._stacks[key] = tuple(
                each
                for each in resolve([self._world, *levels])
                if getattr(each, point) is not getattr(Middleware, point)
            )
        return self._stacks[key]

    def wrap(self, kind: type[Action], point: str, action: Action | None, innermost: Call) -> Call:
        """C{innermost} with all the middleware of C{kind} around it."""
        call = innermost
        for middleware in reversed(self.stack(kind, point)):
            call = _wrapped(getattr(middleware(action), point), call)
        return call


def _wrapped(method: Call, call: Call) -> Call:
    return lambda *args: method(call, *args)
