"""A unit of work: what is committed together, and what may happen only afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.defer import Deferred

from smartdyn.actions.events import lasts
from smartdyn.engine.step_events import PendingEvent
from smartdyn.errors import StoreError
from smartdyn.model.records import ActionRecord, Plan, Step
from smartdyn.store.actions import SaveAction, SaveOutput
from smartdyn.store.database import Write
from smartdyn.store.events import DeleteEvent
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
        self._otherwise: list[Callable[[], None]] = []
        self._authors: set[int] = set()
        self._pending: list[PendingEvent] = []
        self._waiting: list[Deferred[None]] = []

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

    def write_for(self, step_id: int, *writes: Write) -> None:
        """Write what the code of a step asked for, and which the database may refuse."""
        if writes:
            self._authors.add(step_id)
            self._writes.extend(writes)

    def dealt_with(self, pending: PendingEvent) -> None:
        """When it is durable, tell the sender of an event that it was dealt with; or that this came to nothing."""
        self._pending.append(pending)
        if pending.stored_id is not None and not lasts(pending.event):
            self._writes.append(DeleteEvent(pending.stored_id))

    def durable(self) -> Deferred[None]:
        """Fires when it is.

        @raise StoreError: as a failure: the database refuses it.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def committed(self) -> None:
        """It is durable: tell whoever waits for that."""
        for pending in self._pending:
            pending.done()
        for waiting in self._waiting:
            waiting.callback(None)

    def dismiss(self, plan_id: str) -> None:
        """It will not be committed: tell them so."""
        for undo in self._otherwise:
            undo()
        for pending in self._pending:
            pending.undone(plan_id, "its outcome could not be stored")
        for waiting in self._waiting:
            waiting.errback(
                StoreError(f"What was wanted of task {plan_id} could not be stored; look at it and try again.")
            )

    def after(self, *effects: Callable[[], None]) -> None:
        """Do something once it is durable."""
        self._effects.extend(effects)

    def otherwise(self, undo: Callable[[], None]) -> None:
        """Do something if it is never committed."""
        self._otherwise.append(undo)

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

    @property
    def authors(self) -> Collection[int]:
        """The steps whose code asked for writes of its own; all steps in it, if none did."""
        return self._authors or set(self._steps)
