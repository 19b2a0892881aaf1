"""Events: their order, those that are planned for later, and what a restart does to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.action import Action
from smartdyn.actions.events import Timeout
from smartdyn.actions.phases import StepHandle
from smartdyn.actions.timeouts import WithTimeout
from smartdyn.errors import EventUndeliverable
from smartdyn.model.states import PlanState
from smartdyn.store import events as stored
from smartdyn.testing import ActionTestCase, Engine, done


@dataclass(frozen=True)
class Remark:
    """An event of an author's own."""

    text: str


class Listener(Action):
    """Writes down what it hears until it hears C{bye}."""

    events: ClassVar[tuple[type[Any], ...]] = (Remark,)

    def run(self, event: Any = None) -> None:
        """Listen."""
        heard = self.output.setdefault("heard", [])
        if event is None:
            for text, delay in self.input.get("remarks", []):
                self.plan_event(Remark(text), delay)
        else:
            heard.append(event.text if isinstance(event, Remark) else event)
        if event == "again":
            self.plan_event("self")
        if event != "bye":
            self.suspend()


class Slow(Action):
    """Takes its time with each event."""

    waiting: ClassVar[list[Deferred[None]]] = []

    async def run(self, event: Any = None) -> None:
        """Wait until the test lets it go on."""
        self.output.setdefault("heard", []).append(event)
        if event is not None:
            if event == "plan":
                self.plan_event("planned")
            deferred: Deferred[None] = Deferred()
            self.waiting.append(deferred)
            await deferred
        if event != "bye":
            self.suspend()


class Unstorable(Action):
    """Plans an event that cannot be stored."""

    def run(self) -> None:
        """Try."""
        self.plan_event(object())


class Alarm(WithTimeout):
    """Gives itself a minute."""

    def run(self, event: Any = None) -> None:
        """Wait."""
        if isinstance(event, Timeout):
            self.process_timeout()
        if event is None:
            self.schedule_timeout(60)
            self.suspend()


def _cannot_be_told(handle: StepHandle) -> None:
    raise LookupError("nobody listens")


class Announcer(Action):
    """Tells others how it can be reached."""

    handles: ClassVar[list[StepHandle]] = []

    def run(self, event: Any = None) -> None:
        """Wait for somebody to use the handle."""
        if event is None:
            if self.input.get("broken"):
                self.suspend(_cannot_be_told)
            self.suspend(self.handles.append)


class Whisperer(Action):
    """Has something to say to another plan."""

    def run(self) -> None:
        """Say it."""
        self.plan_event(Remark("psst"), plan_id=self.input["to"], step_id=2, optional=self.input.get("optional", False))


ACTIONS = (Listener, Slow, Unstorable, Alarm, Announcer, Whisperer)


class EventTests(ActionTestCase):
    """Events on their way."""

    def setUp(self) -> None:
        self.engine = Engine(ACTIONS)
        Slow.waiting.clear()
        Announcer.handles.clear()

    def stored(self) -> list[stored.PlannedEvent]:
        """The events that are stored."""
        return done(self.engine.database.query(stored.everything))

    def test_a_planned_event_comes_when_it_is_due(self) -> None:
        """Not before, and its row is gone afterwards."""
        plan = self.engine.trigger(Listener, {"remarks": [["soon", 5], ["late", 60]]})
        self.assertEqual(self.engine.output(plan)["heard"], [])
        self.engine.advance(5)
        self.assertEqual(self.engine.output(plan)["heard"], ["soon"])
        self.assertEqual([event.due_at for event in self.stored()], [self.engine.clock.seconds() + 55])
        self.engine.advance(55)
        self.assertEqual(self.engine.output(plan)["heard"], ["soon", "late"])
        self.assertEqual(self.stored(), [])

    def test_planned_events_survive_a_crash(self) -> None:
        """Those that became due meanwhile come at once, the others at their time."""
        plan = self.engine.trigger(Listener, {"remarks": [["soon", 5], ["late", 60]]})
        engine = self.engine.killed()
        engine.clock.advance(10)
        self.engine = engine._recovered()
        self.assertEqual(self.engine.output(plan)["heard"], ["soon"])
        self.engine.advance(50)
        self.assertEqual(self.engine.output(plan)["heard"], ["soon", "late"])

    def test_planned_events_survive_a_restart(self) -> None:
        """A service that is stopped in good order leaves them to the next."""
        plan = self.engine.trigger(Listener, {"remarks": [["soon", 5]]})
        self.engine = self.engine.restart()
        self.engine.advance(5)
        self.assertEqual(self.engine.output(plan)["heard"], ["soon"])

    def test_the_end_of_a_step_drops_its_events(self) -> None:
        """No timer fires into the void, and nothing is left in the database."""
        plan = self.engine.trigger(Listener, {"remarks": [["late", 60]]})
        done(self.engine.send(plan, "bye"))
        self.assertSucceeded(self.engine, plan)
        self.assertEqual(self.stored(), [])
        self.assertEqual(self.engine.clock.getDelayedCalls(), [])

    def test_halting_drops_planned_events(self) -> None:
        """A plan that is stopped by force gets nothing more."""
        plan = self.engine.trigger(Listener, {"remarks": [["late", 60]]})
        self.engine.halt(plan)
        self.engine.advance(60)
        self.assertEqual(self.stored(), [])
        self.assertEqual(self.engine.output(plan)["heard"], [])

    def test_external_events_come_before_those_planned_meanwhile(self) -> None:
        """What an action plans for itself goes behind what is waiting already (X:j)."""
        plan = self.engine.trigger(Slow)
        for event in ("plan", "first", "second", "bye"):
            self.engine.send(plan, event, step_id=2).addErrback(lambda _: None)
        for _ in range(3):
            Slow.waiting.pop().callback(None)
        self.assertEqual(self.engine.output(plan)["heard"], [None, "plan", "first", "second"])
        Slow.waiting.pop().callback(None)
        self.assertEqual(self.engine.output(plan)["heard"][-1], "bye")

    def test_an_event_that_cannot_be_stored_fails_the_step(self) -> None:
        """With a text that says what to do."""
        plan = self.engine.trigger(Unstorable)
        self.assertIn("add the class to `events`", self.engine.errors(plan)[0])

    def test_a_timeout_fails_the_step(self) -> None:
        """The mix-in's default (X:f)."""
        plan = self.engine.trigger(Alarm)
        self.engine.advance(60)
        self.assertEqual(self.engine.errors(plan), ["Timeout exceeded."])
        self.assertEqual(self.engine.state(plan), PlanState.PAUSED)

    def test_a_timeout_that_is_not_needed_is_harmless(self) -> None:
        """It does not outlive its step."""
        plan = self.engine.trigger(Alarm)
        done(self.engine.send(plan, "go on"))
        self.engine.advance(60)
        self.assertSucceeded(self.engine, plan)

    def test_a_handle_reaches_its_step(self) -> None:
        """Also one made anew from its two ids."""
        first, second = self.engine.trigger(Announcer), self.engine.trigger(Announcer)
        self.assertIs(done(Announcer.handles[0].event("go on")), True)
        made = StepHandle(second, Announcer.handles[1].step_id, self.engine.world)
        done(made.plan_event("go on", self.engine.clock.seconds() + 1))
        self.engine.advance(1)
        for plan in (first, second):
            self.assertSucceeded(self.engine, plan)

    def test_a_broken_announcement_fails_the_step(self) -> None:
        """The step is not left waiting for somebody who was never told (X:j)."""
        plan = self.engine.trigger(Announcer, {"broken": True})
        self.assertEqual(self.engine.errors(plan), ["nobody listens"])

    def test_events_go_to_other_plans(self) -> None:
        """An action may plan events for any step."""
        listener = self.engine.trigger(Listener)
        self.assertSucceeded(self.engine, self.engine.trigger(Whisperer, {"to": listener}))
        self.assertEqual(self.engine.output(listener)["heard"], ["psst"])

    def test_events_to_nowhere_are_dropped(self) -> None:
        """The sender is not harmed, and nothing is left behind."""
        self.assertSucceeded(self.engine, self.engine.trigger(Whisperer, {"to": "nobody"}))
        self.assertSucceeded(self.engine, self.engine.trigger(Whisperer, {"to": "nobody", "optional": True}))
        self.assertEqual(self.stored(), [])

    def test_events_to_finished_steps_fail(self) -> None:
        """So do those to steps that are not there; the sender is told."""
        plan = self.engine.trigger(Listener)
        with self.assertRaises(EventUndeliverable):
            done(self.engine.send(plan, "x", step_id=99))
        done(self.engine.send(plan, "bye"))
        with self.assertRaises(EventUndeliverable):
            done(self.engine.send(plan, "x", step_id=2))

    def test_a_burst_of_events(self) -> None:
        """All are dealt with, in their order."""
        plan = self.engine.trigger(Listener)
        self.engine.database.hold()
        sent = [self.engine.send(plan, number, step_id=2) for number in range(2_000)]
        self.engine.database.release()
        self.assertTrue(all(map(done, sent)))
        self.assertEqual(self.engine.output(plan)["heard"], list(range(2_000)))

    def test_nobody_is_left_without_an_answer(self) -> None:
        """When the service stops, whoever waits is told that nothing came of it."""
        plan = self.engine.trigger(Slow)
        sent = [self.engine.send(plan, event, step_id=2) for event in ("one", "two", "three")]
        stopping = Deferred.fromCoroutine(self.engine.world.stop())
        self.assertEqual([deferred.called for deferred in sent], [False, True, True])
        Slow.waiting.pop().callback(None)
        self.successResultOf(stopping)
        done(sent[0])
        for deferred in sent[1:]:
            self.failureResultOf(deferred, EventUndeliverable)
