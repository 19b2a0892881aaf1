"""The middleware around the whole finalize phase of a plan, which lasts as long as its steps do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.registry import Registry


class Stage(Enum):
    """Where the wrappers are."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


class FinalizeWrapper:
    """Lets the middleware do something before and after the finalize steps."""

    def __init__(self, registry: Registry, kind: type[Action], plan_id: str) -> None:
        self._registry = registry
        self._kind = kind
        self._plan_id = plan_id
        self._over: Deferred[None] = Deferred()
        self.stage = Stage.BEFORE

    async def run(self, begin: Callable[[], None]) -> Exception | None:
        """Go through the wrappers.

        @param begin: called when the steps may begin.
        @return: what a wrapper raised, if one did.
        """

        def innermost(plan_id: str) -> Deferred[None]:
            del plan_id
            self.stage = Stage.INSIDE
            begin()
            return self._over

        try:
            wrapped = self._registry.middleware.wrap(self._kind, "finalize_phase", None, innermost)
            returned: Any = wrapped(self._plan_id)
            if inspect.iscoroutine(returned):
                await Deferred.fromCoroutine(returned)
            elif isinstance(returned, Deferred):
                await returned
        except CancelledError:
            raise
        except Exception as error:
            return error
        finally:
            self.stage = Stage.AFTER
        return None

    def leave(self) -> None:
        """The steps are done, or go no further."""
        if not self._over.called:
            self._over.callback(None)
