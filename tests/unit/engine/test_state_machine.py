"""Random plans in random trouble: whatever happens, nothing is lost, stuck or done twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.actions.events import Abort, Cancel, Restarted, Skip
from smartdyn.actions.sub_plans import WithSubPlans
from smartdyn.engine.planning import PlanRequest
from smartdyn.errors import IllegalTransition, NotPossibleNow
from smartdyn.model import rules
from smartdyn.model.records import Delay, WholePlan
from smartdyn.model.rules import RescueStrategy
from smartdyn.model.states import PlanState, StepKind, StepState
from smartdyn.store import events as stored_events
from smartdyn.store import plans
from smartdyn.testing import Engine, done

SOAK = "SMARTDYN_SOAK" in os.environ


@dataclass
class Outside:
    """What actions do and wait for, of one run only: an engine of another may come to life when it is collected.

    @ivar starts: how often steps were begun.
    @ivar pending: what steps are waiting for.
    """

    starts: Counter[tuple[str, int]] = field(default_factory=Counter)
    pending: list[Deferred[str]] = field(default_factory=list)


class Leaf(Action):
    """Does what its input says, and then what it is told."""

    events: ClassVar[tuple[type[Any], ...]] = ()
    cancellable: ClassVar[bool] = True

    def do(self, what: str) -> None:
        """One thing; an event C{wait} is answered by waiting on."""
        if what == "fail":
            self.error("told to fail")
        if what == "wait":
            self.suspend()
        if what == "later":
            self.plan_event("done", 10)
            self.suspend()

    def run(self, event: Any = None) -> Any:
        """Begin, or hear what to do."""
        if isinstance(event, (Cancel, Abort)):
            self.error("cancelled")
        if isinstance(event, Skip):
            return None
        if event is not None:
            return self.do(event)
        self.resource(Outside).starts[self.plan_id, self.run_step_id] += 1
        self.output["begun"] = self.output.get("begun", 0) + 1
        return self.do(self.input["do"])

    def finalize(self) -> None:
        """Fail, if told so."""
        if self.input.get("finalize") == "fail":
            self.error("told to fail at the end")

    def rescue_strategy_for_self(self) -> RescueStrategy:
        return RescueStrategy(self.input.get("rescue", "Pause"))


class Awaiting(Leaf):
    """Waits for something outside before it does anything."""

    async def run(self, event: Any = None) -> Any:
        """Wait, then go on like a leaf."""
        if event is None:
            outside = self.resource(Outside)
            outside.starts[self.plan_id, self.run_step_id] += 1
            waiting: Deferred[str] = Deferred()
            outside.pending.append(waiting)
            self.do(await waiting)
        elif isinstance(event, (Cancel, Abort)):
            self.error("cancelled")
        elif not isinstance(event, Skip):
            self.do(event)


class Deciding(Leaf):
    """Only decides, so its repetition after a crash is none."""

    transactional: ClassVar[bool] = True

    def run(self, event: Any = None) -> Any:
        """Like a leaf, uncounted."""
        if isinstance(event, (Cancel, Abort)):
            self.error("cancelled")
        return None if isinstance(event, Skip) else self.do(self.input["do"] if event is None else event)


class Surviving(Leaf):
    """Finds out by itself what became of its work."""

    handles_restart: ClassVar[bool] = True

    def run(self, event: Any = None) -> Any:
        """Wait on after a restart."""
        if isinstance(event, Restarted):
            self.suspend()
        return super().run(event)


class Tree(Action):
    """Plans what its argument says."""

    def plan(self, tree: Any) -> None:
        """A leaf, or a sequence or a concurrence of trees; a leaf may use the output of the one before."""
        kind, *rest = tree
        if kind in {"S", "C"}:
            with self.sequence() if kind == "S" else self.concurrence():
                for branch in rest[0]:
                    self.plan(branch)
        else:
            input = dict(rest[0])
            if input.pop("refers", False) and self._former is not None:
                input["before"] = self._former.output
            self._former = self.plan_action(LEAVES[kind], input)

    _former: Action | None = None


class Family(WithSubPlans):
    """Starts trees."""

    def plan(self, input: dict[str, Any]) -> None:
        """At most two at a time."""
        self.limit_concurrency_level(2)
        self.plan_self(input)

    def create_sub_plans(self) -> Any:
        """One for each."""
        return [self.sub_plan(Tree, tree) for tree in self.input["trees"]]


LEAVES: dict[str, type[Leaf]] = {"plain": Leaf, "awaiting": Awaiting, "deciding": Deciding, "surviving": Surviving}
ACTIONS = (Leaf, Awaiting, Deciding, Surviving, Tree, Family)

INPUTS = st.fixed_dictionaries(
    {"do": st.sampled_from(("nothing", "nothing", "wait", "fail", "later"))},
    optional={
        "finalize": st.sampled_from(("well", "fail")),
        "rescue": st.sampled_from(("Pause", "Skip", "Fail")),
        "refers": st.booleans(),
    },
)
LEAF = st.tuples(st.sampled_from(sorted(LEAVES)), INPUTS)
TREES = st.recursive(
    LEAF,
    lambda inner: st.tuples(st.sampled_from(("S", "C")), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=5,
)


class Trouble(RuleBasedStateMachine):
    """An engine, and everything that may happen to it."""

    plans: Bundle[str] = Bundle("plans")

    @initialize()
    def begin(self) -> None:
        """An empty engine."""
        numbers = count()
        self.outside = Outside()
        self.engine = Engine(ACTIONS, resources={Outside: self.outside}, new_id=lambda: f"{next(numbers):04}")
        self.dead: list[Engine] = []
        self.known: set[str] = set()
        self.resumed: Counter[str] = Counter()
        self.finished: dict[tuple[str, int], StepState] = {}
        self.stopped: dict[str, WholePlan] = {}
        self.held = False
        self.unanswered: dict[str, Deferred[None]] = {}

    @rule(target=plans, tree=TREES)
    def launch(self, tree: Any) -> Any:
        """Foreman wants something done."""
        return self._launch(Tree, tree)

    @rule(target=plans, trees=st.lists(TREES, max_size=3))
    def launch_family(self, trees: Any) -> Any:
        """And something that starts other plans."""
        return self._launch(Family, {"trees": trees})

    @precondition(lambda self: not self.held)
    @rule(target=plans, tree=TREES, delay=st.integers(0, 30))
    def launch_later(self, tree: Any, delay: int) -> Any:
        """Or done later."""
        plan = self.engine.delay(Tree, tree, delay=Delay(start_at=self.engine.clock.seconds() + delay))
        self.known.add(plan)
        return plan

    def _launch(self, action: type[Action], argument: Any) -> Any:
        plan = self.engine.new_id()
        planned = self.engine.world.plan(PlanRequest(action, (argument,), plan))
        answered = Deferred.fromCoroutine(self.engine.world.accept([planned]))
        self.unanswered[plan] = answered
        answered.addCallback(lambda _: self._answered(plan))
        return plan if answered.called else multiple(plan)

    def _answered(self, plan: str) -> None:
        self.known.add(plan)
        del self.unanswered[plan]

    @rule(data=st.data(), word=st.sampled_from(("done", "fail", "wait", "later")))
    def send(self, data: st.DataObject, word: str) -> None:
        """Somebody sends an event to a step that waits."""
        waiting = self._steps(lambda step: step.state is StepState.SUSPENDED and step.action_class != Family.name())
        if waiting:
            plan, step = data.draw(st.sampled_from(waiting))
            self.engine.world.event(plan, step, word).addErrback(lambda _: None)

    @rule(data=st.data(), word=st.sampled_from(("done", "fail", "wait", "later")))
    def go_on(self, data: st.DataObject, word: str) -> None:
        """What a step waited for has happened."""
        pending = self.outside.pending
        if pending:
            pending.pop(data.draw(st.integers(0, len(pending) - 1))).callback(word)

    @precondition(lambda self: not self.held)
    @rule(plan=plans, force=st.booleans())
    def cancel(self, plan: str, force: bool) -> None:
        """Somebody wants it to end."""
        if plan in self.known:
            self.engine.cancel(plan, force=force)

    @precondition(lambda self: not self.held)
    @rule(data=st.data())
    def cancel_step(self, data: st.DataObject) -> None:
        """Somebody wants one step to end."""
        waiting = self._steps(lambda step: step.state is StepState.SUSPENDED)
        if waiting:
            self.engine.cancel_step(*data.draw(st.sampled_from(waiting)))

    @precondition(lambda self: not self.held)
    @rule(plan=plans)
    def resume(self, plan: str) -> None:
        """Somebody wants it to go on."""
        if plan in self.known:
            try:
                self.engine.resume(plan)
            except NotPossibleNow:
                return
            self.resumed[plan] += 1

    @precondition(lambda self: not self.held)
    @rule(data=st.data())
    def skip(self, data: st.DataObject) -> None:
        """Somebody wants a failed step left out, and again."""
        failed = self._steps(lambda step: step.state is StepState.ERROR, PlanState.PAUSED)
        if failed:
            plan, step = data.draw(st.sampled_from(failed))
            for _ in range(2):
                try:
                    self.engine.skip(plan, step)
                except (NotPossibleNow, IllegalTransition):
                    return

    @precondition(lambda self: not self.held)
    @rule(plan=consumes(plans))
    def halt(self, plan: str) -> None:
        """Somebody has had enough; twice is once."""
        if plan in self.known:
            self.engine.halt(plan)
            self.engine.halt(plan)

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        if self.held:
            self.engine.clock.advance(seconds)
        else:
            self.engine.advance(seconds)

    @precondition(lambda self: not self.held)
    @rule()
    def slow_disk(self) -> None:
        """From now on nothing is committed."""
        self.engine.database.hold()
        self.held = True

    @precondition(lambda self: self.held)
    @rule()
    def disk_again(self) -> None:
        """Everything that waited is committed."""
        self.held = False
        self.engine.database.release()

    @rule()
    def crash(self) -> None:
        """The service is killed, whatever was committed, and started again."""
        self.outside.pending.clear()
        self.held = False
        self.unanswered.clear()
        self._begin_next()

    @precondition(lambda self: not self.held)
    @rule()
    def restart(self) -> None:
        """The service is stopped in good order, which waits for what is running, and started again."""
        stopping = Deferred.fromCoroutine(self.engine.world.stop())
        while self.outside.pending:
            self.outside.pending.pop().callback("done")
        done(stopping)
        self._begin_next()

    def _begin_next(self) -> None:
        """The former engine is kept: coroutines that are collected let go of their queue, and others would begin."""
        self.dead.append(self.engine)
        self.engine = self.engine.crash()

    @invariant()
    def nothing_is_wrong(self) -> None:
        """What must hold at any time when the database is up to date."""
        if self.held or not hasattr(self, "engine"):
            return
        running = set(self.engine.world.running())
        states: Counter[str] = Counter()
        for plan_id in self._all():
            whole = self.engine.plan(plan_id)
            states[whole.plan.state.value] += 1
            assert whole.plan.result is rules.result(whole.steps.values()), "the stored result is the true one"
            assert (whole.plan.state is PlanState.RUNNING) == (plan_id in running), "what runs is being executed"
            assert whole.plan.state not in {PlanState.PENDING, PlanState.PLANNING, PlanState.PLANNED}
            self._check_progress(whole)
            self._check_memory(whole)
            self._check_finished(whole)
        assert self.known <= set(self._all()), "an accepted plan is lost"
        for state, number in states.items():
            assert done(self.engine.database.query(lambda tx, state=state: plans.count(tx, [state]))) == number  # type: ignore[misc]
        self._check_events(running)

    def _check_progress(self, whole: WholePlan) -> None:
        """A plan that runs has something that it is waiting for."""
        if whole.plan.state is PlanState.RUNNING:
            under_way = {StepState.RUNNING, StepState.SUSPENDED, StepState.SKIPPING}
            assert any(step.state in under_way for step in whole.steps.values()), "stuck"
        if whole.plan.state is PlanState.STOPPED and whole.plan.ended_at is None:
            raise AssertionError("stopped without an end")

    def _check_memory(self, whole: WholePlan) -> None:
        run = self.engine.world.run_of(whole.plan.id)
        if run is None:
            return
        assert (run.plan.state, run.plan.result) == (whole.plan.state, whole.plan.result)
        assert run.plan.history == whole.plan.history
        assert run.steps == whole.steps, "memory and database differ"
        assert run.actions == whole.actions, "memory and database differ"

    def _check_finished(self, whole: WholePlan) -> None:
        """Finished work stays finished, and is begun again only when somebody asked for it."""
        plan_id = whole.plan.id
        if plan_id in self.stopped:
            # Code that was running when its plan was halted still says how it came out
            former = replace(self.stopped[plan_id].plan, result=whole.plan.result)
            assert former == whole.plan, "a stopped plan has changed"
        elif whole.plan.state is PlanState.STOPPED:
            self.stopped[plan_id] = whole
        for step in whole.steps.values():
            key = (plan_id, step.id)
            if step.kind is StepKind.RUN and step.state in {StepState.SUCCESS, StepState.SKIPPED}:
                self.finished.setdefault(key, step.state)
            if key in self.finished:
                assert step.state is self.finished[key], "finished work was touched"
            assert self.outside.starts[key] <= 1 + self.resumed[plan_id], "a step was begun again unasked"

    def _check_events(self, running: set[str]) -> None:
        """No event is kept for a plan that will never take it."""
        for planned in done(self.engine.database.query(stored_events.everything)):
            assert planned.plan_id in running, "an event waits for a plan that is over"

    def teardown(self) -> None:
        """In the end every plan comes to its end."""
        if not hasattr(self, "engine"):
            return
        if self.held:
            self.disk_again()
        for _ in range(200):
            while self.outside.pending:
                self.outside.pending.pop().callback("done")
            for plan, step in self._steps(lambda step: step.state is StepState.SUSPENDED):
                self.engine.world.event(plan, step, "done").addErrback(lambda _: None)
            for plan in self._all(PlanState.PAUSED):
                self.engine.halt(plan)
            self.engine.advance(30)
            self.nothing_is_wrong()
            if set(self._all()) == set(self._all(PlanState.STOPPED)):
                break
        else:
            raise AssertionError(f"plans do not come to an end: {self.engine.world.running()}")

    def _all(self, *wanted: PlanState) -> list[str]:
        found = done(self.engine.database.query(lambda tx: tx.execute("SELECT id, state FROM plans").fetchall()))
        return sorted(plan_id for plan_id, state in found if not wanted or state in wanted)

    def _steps(self, wanted: Callable[[Any], bool], state: PlanState = PlanState.RUNNING) -> list[tuple[str, int]]:
        return [
            (plan_id, step.id)
            for plan_id in self._all(state)
            for step in self.engine.plan(plan_id).steps.values()
            if wanted(step)
        ]


class StateMachineTests(SynchronousTestCase):
    """L{Trouble}."""

    def test_random_trouble(self) -> None:
        """Invariants hold after each of many random happenings, and everything comes to an end."""
        observers, globalLogPublisher._observers = globalLogPublisher._observers, []
        self.addCleanup(setattr, globalLogPublisher, "_observers", observers)
        run_state_machine_as_test(
            Trouble,
            settings=settings(
                max_examples=1000 if SOAK else 100,
                stateful_step_count=50 if SOAK else 30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
