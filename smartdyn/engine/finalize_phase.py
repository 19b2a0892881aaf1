"""The middleware around the whole finalize phase of a plan, which lasts as long as its steps do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.registry import Registry
from smartdyn.aio import settled
from smartdyn.engine.failures import step_error
from smartdyn.model import changes
from smartdyn.model.records import Step
from smartdyn.model.states import StepState


class Stage(Enum):
    """Where the wrappers are."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


def end_of_phase(steps: Sequence[Step], error: Exception | None, *, begun: bool, now: float) -> list[Step]:
    """What changes in the finalize steps when the middleware is done.

    @param error: what it raised: then the step fails that did not succeed, or the last one.
    @param begun: it let the steps begin; when it did not, they are skipped.
    """
    if error is not None:
        blamed = next((step for step in steps if step.state is not StepState.SUCCESS), steps[-1])
        started = changes.start_step(changes.reset_finalize(blamed), now=now)
        return [changes.end_step(started, StepState.ERROR, now=now, spent=0.0, error=step_error(error))]
    if not begun:
        waiting = [changes.reset_finalize(step) for step in steps if step.state is not StepState.SKIPPED]
        return [changes.end_step(step, StepState.SKIPPED, now=now, spent=0.0) for step in waiting]
    return []


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
            await settled(wrapped(self._plan_id))
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
