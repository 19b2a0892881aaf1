"""What stands behind an action instance in each phase; the engine provides these."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeVar

from smartdyn.model.references import OutputReference
from smartdyn.store.database import Write

T = TypeVar("T")


class Phase:
    """The part that all phases have: whose call it is, and with what."""

    name: ClassVar[str] = "Present"

    def __init__(self, plan_id: str, action_id: int, input: dict[str, Any], output: dict[str, Any]) -> None:
        self.plan_id = plan_id
        self.action_id = action_id
        self.input = input
        self.output = output


class PlanPhase(Phase, abc.ABC):
    """An action is being planned."""

    name: ClassVar[str] = "Plan"

    @abc.abstractmethod
    def output_reference(self) -> OutputReference:
        """What stands for the output until there is one."""

    @abc.abstractmethod
    def plan_self(self, input: dict[str, Any]) -> None:
        """Add the action's run and finalize steps."""

    @abc.abstractmethod
    def plan_action(self, action: type[Any], args: tuple[Any, ...]) -> Any:
        """Plan another action below this one and return it."""

    @abc.abstractmethod
    def block(self, kind: str) -> AbstractContextManager[None]:
        """Collect what is planned meanwhile in a flow of its own."""

    @abc.abstractmethod
    def works_on(self, host: str) -> None:
        """Set the plan's host."""


class ActingPhase(Phase):
    """An action's own code runs and may have effects, which happen when its outcome is committed."""

    def __init__(
        self,
        plan_id: str,
        action_id: int,
        input: dict[str, Any],
        output: dict[str, Any],
        *,
        now: float,
        resources: Mapping[type[Any], Any],
    ) -> None:
        super().__init__(plan_id, action_id, input, output)
        self.now = now
        self.writes: list[Write] = []
        self.effects: list[Callable[[], None]] = []
        self._resources = resources

    def write(self, *writes: Write) -> None:
        """Commit C{writes} with the outcome."""
        self.writes.extend(writes)

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Call C{effect} after the commit."""
        self.effects.append(effect)

    def resource(self, kind: type[T]) -> T:
        """The collaborator of this type.

        @raise LookupError: the service has none.
        """
        try:
            found: T = self._resources[kind]
        except KeyError:
            raise LookupError(f"no {kind.__qualname__} is available to actions of this service") from None
        return found


class RunPhase(ActingPhase):
    """C{run} is being called."""

    name: ClassVar[str] = "Run"
    run_step_id: int = 0
    step_started_at: float = 0.0
    cancel_requested: bool = False


class FinalizePhase(ActingPhase):
    """C{finalize} is being called."""

    name: ClassVar[str] = "Finalize"
