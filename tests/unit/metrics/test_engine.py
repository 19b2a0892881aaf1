"""What the engine counts."""

from __future__ import annotations

from typing import Any, ClassVar

from prometheus_client import CollectorRegistry
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.metrics.engine import EngineMeters
from tests.support.engine import Engine
from tests.support.numbers import Numbers
from tests.support.rig import Noop, RaiseInPlan, RaiseInRun


class Patient(Action):
    """Waits for an event, then ends."""

    class_name: ClassVar[str] = "Rig::Patient"

    def run(self, event: Any = None) -> None:
        """Suspend at first."""
        if event is None:
            self.suspend()


class EngineMeterTests(SynchronousTestCase):
    """L{EngineMeters} in an engine."""

    def setUp(self) -> None:
        self.registry = CollectorRegistry()
        self.engine = Engine((Patient,), meters=EngineMeters(self.registry))

    def numbers(self) -> Numbers:
        """What was counted."""
        return Numbers.of(self.registry)

    def test_plans_by_label_and_result(self) -> None:
        """Each plan is counted when it is stored and when it ends, by what it was for and how it ended."""
        self.engine.trigger(Noop)
        self.engine.trigger(RaiseInRun)
        self.engine.trigger(RaiseInPlan)
        found = self.numbers()
        self.assertEqual(found.get("smartdyn_plans_accepted_total"), 3)
        ended = "smartdyn_plans_ended_total"
        self.assertEqual(found.get(ended, label="Rig::Noop", state="stopped", result="success"), 1)
        self.assertEqual(found.get(ended, label="Rig::RaiseInRun", state="paused", result="error"), 1)
        self.assertEqual(found.get(ended, label="Rig::RaiseInPlan", state="stopped", result="error"), 1)
        self.assertEqual(found.get("smartdyn_plan_duration_seconds_count", label="Rig::Noop"), 1)

    def test_a_step_that_waits(self) -> None:
        """The time for which it was suspended is real time, and none of its code's."""
        plan_id = self.engine.trigger(Patient)
        self.engine.advance(20)
        self.engine.send(plan_id, "go")
        found = self.numbers()
        labels = {"action": "Rig::Patient", "phase": "run"}
        self.assertEqual(found.get("smartdyn_steps_total", **labels, state="suspended"), 1)
        self.assertEqual(found.get("smartdyn_steps_total", **labels, state="success"), 1)
        self.assertEqual(found.get("smartdyn_step_real_seconds_sum", **labels), 20.0)
        self.assertEqual(found.get("smartdyn_step_execution_seconds_sum", **labels), 0.0)
        self.assertEqual(found.get("smartdyn_step_real_seconds_count", **labels), 1)
        self.assertEqual(found.get("smartdyn_events_total", result="delivered"), 1)

    def test_an_event_for_nobody(self) -> None:
        """It is counted as one that could not be delivered."""
        self.failureResultOf(self.engine.world.event("no-such-plan", 1, "go"))
        self.assertEqual(self.numbers().get("smartdyn_events_total", result="undeliverable"), 1)

    def test_waiting_for_a_queue(self) -> None:
        """Each step that takes its place in a queue says how long it waited."""
        self.engine.trigger(Noop)
        self.assertEqual(self.numbers().get("smartdyn_queue_wait_seconds_count", queue="default"), 1)
