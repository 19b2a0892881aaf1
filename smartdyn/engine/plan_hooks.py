"""Calls the hooks of a plan's actions, one after another and outside of its steps."""

from __future__ import annotations

from collections import deque
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from smartdyn.actions.phases import Phase
from smartdyn.actions.registry import Registry
from smartdyn.aio import Spawner, deadline, settled
from smartdyn.model.records import ActionRecord, Plan, WholePlan
from smartdyn.model.states import FAILURES, PlanState

LONGEST: Final = 60.0
"""Seconds that a hook may take: the next ones of its plan wait for it."""


def kinds(plan: Plan, *, halted: bool) -> tuple[str, ...]:
    """Which hooks the state of a plan calls for; a halted plan has failed, whatever its steps say."""
    if plan.state is not PlanState.STOPPED:
        return (plan.state.value,)
    return (plan.state.value, "failure" if halted or plan.result in FAILURES else "success")


class PlanHooks:
    """The hooks of one plan."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, registry: Registry, spawner: Spawner) -> None:
        self._clock = clock
        self._registry = registry
        self._spawner = spawner
        self._waiting: deque[tuple[Plan, ActionRecord, str]] = deque()
        self._busy = False

    def wanted(self, whole: WholePlan, kind: str) -> list[tuple[Plan, ActionRecord, str]]:
        """The calls to be made when the plan has come to some state."""
        if not self._registry.has_hooks:
            return []
        return [
            (whole.plan, action, method)
            for action in whole.actions.values()
            for method in self._registry.hooks(action.class_name, kind)
        ]

    def call(self, wanted: list[tuple[Plan, ActionRecord, str]]) -> None:
        """Make the calls, after those before them."""
        self._waiting.extend(wanted)
        if self._waiting and not self._busy:
            self._busy = True
            self._spawner.spawn("hooks of a plan", self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                plan, record, method = self._waiting.popleft()
                try:
                    await deadline(self._clock, LONGEST, f"the hook {method}", self._call(plan, record, method))
                except CancelledError:
                    raise
                except Exception:
                    self._log.failure(
                        "the hook {method} of {action} failed for task {plan_id}",
                        method=method,
                        action=record.class_name,
                        plan_id=plan.id,
                    )
        finally:
            self._busy = False

    def _call(self, plan: Plan, record: ActionRecord, method: str) -> Deferred[None]:
        kind = self._registry.find(record.class_name)
        action = kind(Phase(record.plan_id, record.id, dict(record.input), dict(record.output)))
        called = self._registry.middleware.wrap(kind, "hook", action, getattr(action, method))(plan)
        return Deferred.fromCoroutine(settled(called))
