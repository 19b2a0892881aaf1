"""A unit of work: what is committed together, and what may happen only afterwards."""

from __future__ import annotations

from collections.abc import Callable

from smartdyn.model.records import ActionRecord, Plan, Step
from smartdyn.store.actions import SaveAction, SaveOutput
from smartdyn.store.database import Write
from smartdyn.store.plans import SavePlan
from smartdyn.store.steps import SaveStep


class Unit:
    """Collects the changes of one plan up to the next commit.

    A record that changes several times in between is written once, in its last form.
    """

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._steps: dict[int, Step] = {}
        self._actions: dict[int, ActionRecord] = {}
        self._changed_inputs: set[int] = set()
        self._writes: list[Write] = []
        self._effects: list[Callable[[], None]] = []

    def save_plan(self, plan: Plan) -> None:
        """Write the plan's row."""
        self._plan = plan

    def save_step(self, step: Step) -> None:
        """Write a step's row."""
        self._steps[step.id] = step

    def save_action(self, action: ActionRecord, *, input_changed: bool) -> None:
        """Write an action's output, and its input only where needed: a whole script may be in it."""
        self._actions[action.id] = action
        if input_changed:
            self._changed_inputs.add(action.id)

    def write(self, *writes: Write) -> None:
        """Write something else along with it."""
        self._writes.extend(writes)

    def after(self, *effects: Callable[[], None]) -> None:
        """Do something once it is durable."""
        self._effects.extend(effects)

    @property
    def writes(self) -> list[Write]:
        """All writes; the plan's row first, since others refer to it."""
        plan: list[Write] = [SavePlan(self._plan)] if self._plan else []
        return [
            *plan,
            *(SaveStep(step) for step in self._steps.values()),
            *(
                SaveAction(action) if action.id in self._changed_inputs else SaveOutput(action)
                for action in self._actions.values()
            ),
            *self._writes,
        ]

    @property
    def effects(self) -> list[Callable[[], None]]:
        """What to do after the commit, in order."""
        return list(self._effects)
