"""How seldom Python has to look for garbage."""

from __future__ import annotations

import gc
from typing import Any, ClassVar
from weakref import WeakSet

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.garbage import collect_seldom
from smartdyn.model.states import PlanState
from smartdyn.testing import Engine

INSTANCES: WeakSet[Action] = WeakSet()


class Remembered(Action):
    """Is seen as long as there is an instance of it."""

    def __init__(self, phase: Any) -> None:
        super().__init__(phase)
        INSTANCES.add(self)

    def run(self, event: Any = None) -> None:
        """Wait for an event."""
        if event is None:
            self.suspend()


class Decided(Remembered):
    """Likewise, in one commit with its plan's."""

    transactional: ClassVar[bool] = True


class GarbageTests(SynchronousTestCase):
    """What is left to the garbage collector."""

    def test_plans_leave_none(self) -> None:
        """A plan that is over goes at once, with all that was made for it: thousands of them cost no collection."""
        engine = Engine([Remembered, Decided])
        gc.disable()
        self.addCleanup(gc.enable)
        for action in (Remembered, Decided):
            plan = engine.trigger(action, {})
            runs = WeakSet(engine.world.runs())
            self.assertEqual(len(runs), 1)
            engine.send(plan, "done")
            self.assertEqual(engine.state(plan), PlanState.STOPPED)
            self.assertEqual((len(runs), len(INSTANCES)), (0, 0))

    def test_what_is_loaded_is_left_out(self) -> None:
        """Collections pass over what was there at the start, and are rarer than Python's own."""
        usual = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *usual)
        self.addCleanup(gc.unfreeze)
        before = gc.get_freeze_count()
        collect_seldom()
        self.assertGreater(gc.get_freeze_count(), before + 1000)
        self.assertGreater(gc.get_threshold(), usual)
