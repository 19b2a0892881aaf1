"""Plans that are put off, chained, or alone of their kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smartdyn.actions.action import Action
from smartdyn.errors import StoreError
from smartdyn.model import wire
from smartdyn.model.records import Delay
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.secret import Secret
from smartdyn.store import plans
from smartdyn.testing import ActionTestCase, Engine, done


class Work(Action):
    """Waits, fails or is done."""

    def plan(self, input: dict[str, Any]) -> None:
        """Refuse, if so asked."""
        if input.get("unplannable"):
            raise ValueError("cannot be planned")
        self.plan_self(input)

    def run(self, event: Any = None) -> None:
        """Do as told."""
        secret = self.input.get("password")
        self.output["revealed"] = secret.reveal() if isinstance(secret, Secret) else None
        if self.input.get("fails"):
            self.error("failed")
        if event is None and self.input.get("waits"):
            self.suspend()


class Alone(Work):
    """Only one at a time."""

    singleton: ClassVar[bool] = True


class Starter(Action):
    """Starts one, when the test says so."""

    waiting: ClassVar[list[Deferred[None]]] = []

    async def run(self) -> None:
        """Wait, then start it, maybe under an id that is taken."""
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        await waiting
        self.start_plan(Alone, {}, plan_id=self.input.get("id"))


class Dated(Work):
    """Stores its argument in a form of its own."""

    @classmethod
    def delay(cls, options: Any, *args: Any) -> Sequence[Any]:
        """As text."""
        return [str(args[0]["number"])]

    @classmethod
    def planned_with(cls, stored: Sequence[Any]) -> Sequence[Any]:
        """And back."""
        return [{"number": int(stored[0])}]


class DelayedTests(ActionTestCase):
    """Plans that begin later."""

    def setUp(self) -> None:
        self.engine = Engine((Work, Alone, Dated))

    def now(self, plus: float = 0.0) -> float:
        """The time."""
        return self.engine.clock.seconds() + plus

    def history(self, plan: str) -> list[str]:
        """What the history of a plan says."""
        return [entry.name for entry in self.engine.plan(plan).plan.history]

    def test_starts_at_its_time(self) -> None:
        """Not before, and with no delay worth mentioning."""
        plan = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(60)))
        found = self.engine.plan(plan)
        self.assertEqual((found.plan.state, found.plan.label, found.plan.started_at), (PlanState.SCHEDULED, None, None))
        self.engine.advance(59)
        self.assertEqual(self.engine.state(plan), PlanState.SCHEDULED)
        self.engine.advance(1)
        self.assertSucceeded(self.engine, plan)
        self.assertEqual(self.history(plan), ["delay", "start execution", "finish execution"])
        whole = self.engine.plan(plan)
        self.assertEqual((whole.plan.label, whole.plan.step_ids), (Work.name(), (1, 2)))
        self.assertEqual(wire.plan_hash(whole.plan)["run_flow"], 2)

    def test_survives_a_crash(self) -> None:
        """A plan whose time came while the service was down begins at once."""
        soon = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(60)))
        late = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(120)))
        following = self.engine.killed()
        following.clock.advance(90)
        self.engine = following._recovered()
        self.assertSucceeded(self.engine, soon)
        self.assertEqual(self.engine.state(late), PlanState.SCHEDULED)
        self.engine.advance(30)
        self.assertSucceeded(self.engine, late)

    def test_too_late(self) -> None:
        """A plan that could not be started before its time has failed, and says so."""
        plan = self.engine.delay(Work, {}, delay=Delay(start_before=self.now(60), frozen=True))
        self.engine.advance(100)
        self.assertEqual(self.engine.state(plan), PlanState.SCHEDULED)
        done(self.engine.world.delayed.set_frozen(plan, False))
        self.assertEnded(self.engine, plan, PlanState.STOPPED, PlanResult.ERROR)
        self.assertEqual(self.history(plan), ["delay", "timeout"])
        self.assertIn("could not be started before", self.engine.errors(plan)[0])

    def test_the_end_of_others(self) -> None:
        """Thousands of plans that wait for their time are not looked at each time another plan ends."""
        later = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(60)))
        statements: list[str] = []
        self.engine.database.trace(statements.append)
        self.engine.trigger(Work, {})
        self.assertFalse([text for text in statements if "delayed_plans" in text])
        first = self.engine.trigger(Work, {"waits": True})
        after = self.engine.chain([first], Work, {})
        del statements[:]
        self.engine.send(first, "done")
        self.assertTrue([text for text in statements if "delayed_plans" in text])
        self.assertEqual(self.engine.state(after), PlanState.STOPPED)
        self.assertEqual(self.engine.state(later), PlanState.SCHEDULED)

    def test_frozen(self) -> None:
        """It begins only when somebody lets it go."""
        plan = self.engine.delay(Work, {}, delay=Delay(frozen=True))
        self.engine.advance(1000)
        self.assertEqual(self.engine.state(plan), PlanState.SCHEDULED)
        done(self.engine.world.delayed.set_frozen(plan, False, self.now(5)))
        self.engine.advance(5)
        self.assertSucceeded(self.engine, plan)

    def test_cancel(self) -> None:
        """It is stopped, as the reference says it (X:b)."""
        plan = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(60)))
        self.assertEqual(self.engine.cancel(plan), 1)
        self.assertEnded(self.engine, plan, PlanState.STOPPED, PlanResult.CANCELLED)
        self.assertEqual(self.history(plan), ["delay", "Delayed task cancelled"])
        self.engine.advance(60)
        self.assertEqual(self.engine.plan(plan).plan.started_at, None)

    def test_halt(self) -> None:
        """It never begins."""
        plan = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(60)))
        self.engine.halt(plan)
        self.engine.advance(60)
        self.assertEnded(self.engine, plan, PlanState.STOPPED, PlanResult.PENDING)

    def test_planning_that_fails_later(self) -> None:
        """The plan is stopped and says why."""
        plan = self.engine.delay(Work, {"unplannable": True}, delay=Delay(start_at=self.now(1)))
        self.engine.advance(1)
        self.assertEnded(self.engine, plan, PlanState.STOPPED, PlanResult.ERROR)
        self.assertEqual(self.engine.errors(plan), ["cannot be planned"])

    def test_one_that_cannot_be_started(self) -> None:
        """Is stopped with the reason, and does not keep others from starting."""
        gone = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(1)))
        broken = self.engine.delay(Dated, {"number": 1}, delay=Delay(start_at=self.now(2)))
        fine = self.engine.delay(Dated, {"number": 2}, delay=Delay(start_at=self.now(3)))
        following = Engine((Dated,), database=self.engine.database.take_over(), clock=self.engine.clock)
        self.patch(Dated, "planned_with", classmethod(lambda _, stored: [{"number": {"2": 2}[stored[0]]}]))
        following.world.delayed.check()
        following.advance(3)
        for plan, text in ((gone, "Unknown action class"), (broken, "KeyError")):
            self.assertEnded(following, plan, PlanState.STOPPED, PlanResult.ERROR)
            self.assertIn(text, following.errors(plan)[0])
        self.assertSucceeded(following, fine)
        self.assertEqual(len(self.flushLoggedErrors()), 2)

    def test_a_database_that_stumbles(self) -> None:
        """The plan waits a little longer."""
        plan = self.engine.delay(Work, {}, delay=Delay(start_at=self.now(1)))
        self.engine.database.fail_next(StoreError("full"))
        self.engine.advance(1)
        self.assertEqual(self.engine.state(plan), PlanState.SCHEDULED)
        self.engine.advance(15)
        self.assertSucceeded(self.engine, plan)

    def test_arguments_in_a_form_of_their_own(self) -> None:
        """What an action stores for later, it gets back."""
        plan = self.engine.delay(Dated, {"number": 7}, delay=Delay(start_at=self.now(1)))
        self.engine.advance(1)
        self.assertEqual(self.engine.action(plan).input["number"], 7)

    def test_secrets_are_sealed_meanwhile(self) -> None:
        """They are not in the arguments that are stored, and come back for the planning."""
        plan = self.engine.delay(Work, {"password": Secret("hunter2")}, delay=Delay(start_at=self.now(60)))
        self.engine = self.engine.crash()
        stored = done(self.engine.database.query(lambda tx: tx.execute("SELECT args FROM delayed_plans").fetchall()))
        self.assertNotIn("hunter2", str(stored))
        self.engine.advance(60)
        self.assertEqual(self.engine.output(plan)["revealed"], "hunter2")
        sealed = done(self.engine.database.query(lambda tx: tx.execute("SELECT * FROM sealed_secrets").fetchall()))
        self.assertEqual(sealed, [])

    def test_chain(self) -> None:
        """Begins when what it waits for has stopped."""
        first, second = (self.engine.trigger(Work, {"waits": True}) for _ in range(2))
        plan = self.engine.chain((first, second, "gone long ago"), Work, {})
        done(self.engine.send(first, "go on"))
        self.assertEqual(self.engine.state(plan), PlanState.SCHEDULED)
        done(self.engine.send(second, "go on"))
        self.assertSucceeded(self.engine, plan)

    def test_chain_behind_a_failure(self) -> None:
        """Does not begin; a deadline of its own changes nothing about that."""
        first = self.engine.trigger(Work, {"fails": True})
        later = self.engine.delay(Work, {}, delay=Delay(after=(first,), start_before=self.now(100)))
        plan = self.engine.chain((first,), Work, {})
        self.assertEqual(self.engine.state(plan), PlanState.SCHEDULED)
        self.engine.halt(first)
        for each in (plan, later):
            self.assertEnded(self.engine, each, PlanState.STOPPED, PlanResult.ERROR)
            self.assertEqual(self.history(each), ["delay", "failed-dependency"])
            self.assertIn(first, self.engine.errors(each)[0])

    def test_chain_behind_a_chain(self) -> None:
        """One that is given up stops those behind it as well."""
        first = self.engine.trigger(Work, {"waits": True})
        second = self.engine.chain((first,), Work, {"unplannable": True})
        third = self.engine.chain((second,), Work, {})
        done(self.engine.send(first, "go on"))
        self.assertEqual(self.history(third), ["delay", "failed-dependency"])

    def test_the_root_of_a_delayed_plan_is_listed(self) -> None:
        """A scheduled plan has its row in the list like all others."""
        plan = self.engine.delay(Work, {}, delay=Delay(frozen=True))
        self.assertEqual(done(self.engine.database.query(lambda tx: plans.summary(tx, plan))).state, "scheduled")


class SingletonTests(ActionTestCase):
    """Actions of which only one may be active."""

    def setUp(self) -> None:
        self.engine = Engine((Work, Alone, Starter))

    def test_the_second_is_refused(self) -> None:
        """While the first is under way; when it is over, the next may come."""
        first = self.engine.trigger(Alone, {"waits": True})
        second = self.engine.trigger(Alone, {})
        self.assertEnded(self.engine, second, PlanState.STOPPED, PlanResult.ERROR)
        self.assertEqual(self.engine.errors(second), [f"Action {Alone.name()} is already active"])
        done(self.engine.send(first, "go on"))
        self.assertSucceeded(self.engine, self.engine.trigger(Alone, {}))

    def test_one_that_never_came_to_be(self) -> None:
        """A plan that was made and then not stored, since its starter was halted or its id is taken, has no right."""
        halted = self.engine.trigger(Starter, {})
        self.engine.halt(halted)
        Starter.waiting[-1].callback(None)
        taken = self.engine.trigger(Starter, {"id": halted})
        Starter.waiting[-1].callback(None)
        self.assertEqual(self.engine.state(taken), PlanState.PAUSED)
        holder = self.engine.trigger(Alone, {"waits": True})
        self.engine.trigger(Starter, {"id": holder})
        Starter.waiting[-1].callback(None)
        self.assertEqual(self.engine.result(self.engine.trigger(Alone, {})), PlanResult.ERROR)
        done(self.engine.send(holder, "go on"))
        self.assertEqual(self.engine.result(self.engine.trigger(Alone, {})), PlanResult.SUCCESS)

    def test_a_paused_one_lets_go(self) -> None:
        """A second may run meanwhile; then the first cannot be resumed before that is over (X:f)."""
        first = self.engine.trigger(Alone, {"fails": True})
        self.assertEqual(self.engine.state(first), PlanState.PAUSED)
        second = self.engine.trigger(Alone, {"waits": True})
        self.engine.resume(first)
        self.assertEqual(self.engine.errors(first), [f"Action {Alone.name()} is already active"])
        done(self.engine.send(second, "go on"))
        self.assertSucceeded(self.engine, second)

    def test_the_right_survives_a_crash(self) -> None:
        """What is under way holds its right in the next life too."""
        first = self.engine.trigger(Alone, {"waits": True})
        self.engine = self.engine.crash()
        second = self.engine.trigger(Alone, {})
        self.assertEqual(self.engine.errors(second), [f"Action {Alone.name()} is already active"])
        done(self.engine.send(first, "go on"))
        self.assertSucceeded(self.engine, first)
