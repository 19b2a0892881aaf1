"""Middleware around what actions do, and hooks on what becomes of their plans."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.actions.action import Action
from smartdyn.actions.hooks import find_hooks, on_plan
from smartdyn.actions.middleware import Call, Middleware, MiddlewareCycle, MiddlewareRules, resolve
from smartdyn.actions.tasks import Tasks
from smartdyn.model.records import Delay, Plan
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.testing import ActionTestCase, done
from tests.support.engine import Engine

LOG: list[str] = []


class Recorder(Middleware):
    """Writes down each call it wraps."""

    def _around(self, point: str, call: Call, *args: Any) -> Any:
        LOG.append(f"{point} {type(self).__name__}")
        result = call(*args)
        LOG.append(f"/{point} {type(self).__name__}")
        return result

    def delay(self, call: Call, options: Any, *args: Any) -> Any:
        """Record."""
        return self._around("delay", call, options, *args)

    def plan_phase(self, call: Call, plan_id: str) -> Any:
        """Record."""
        return self._around("plan_phase", call, plan_id)

    def plan(self, call: Call, *args: Any) -> Any:
        """Record."""
        return self._around("plan", call, *args)

    def run(self, call: Call, *event: Any) -> Any:
        """Record."""
        return self._around("run", call, *event)

    async def finalize_phase(self, call: Call, plan_id: str) -> Any:
        """Record, when it is over."""
        LOG.append("finalize_phase")
        await call(plan_id)
        LOG.append("/finalize_phase")

    def finalize(self, call: Call) -> Any:
        """Record."""
        return self._around("finalize", call)

    def present(self, call: Call) -> Any:
        """Record."""
        return self._around("present", call)

    def hook(self, call: Call, plan: Any) -> Any:
        """Record."""
        return self._around("hook", call, plan)


class World(Middleware):
    """A name."""


class First(World):
    """A name."""


class Second(World):
    """A name."""


class Third(World):
    """A name."""


class Wrapped(Action):
    """Has everything that can be wrapped."""

    middleware: ClassVar[MiddlewareRules] = MiddlewareRules().use(Recorder)

    def run(self) -> None:
        """Log."""
        LOG.append("run")

    def finalize(self) -> None:
        """Log."""
        LOG.append("finalize")

    @on_plan("stopped")
    def over(self, plan: Plan) -> None:
        """Log."""
        LOG.append("hook")


class Impatient(Middleware):
    """Keeps the inner call from happening, or fails."""

    def run(self, call: Call, *event: Any) -> Any:
        """Do not call."""
        assert self.action is not None
        self.action.output["instead"] = True

    def plan(self, call: Call, *args: Any) -> Any:
        """Change the arguments."""
        return call({**args[0], "added": 1})


class Broken(Middleware):
    """Fails around the finalize phase."""

    async def finalize_phase(self, call: Call, plan_id: str) -> Any:
        """Before or after."""
        if "before" in LOG:
            raise ValueError("not now")
        await call(plan_id)
        raise ValueError("too bad")


class Mild(Wrapped):
    """Does without."""

    middleware: ClassVar[MiddlewareRules] = MiddlewareRules().do_not_use(Recorder).use(Impatient)


class Doomed(Wrapped):
    """Cannot be finalized."""

    middleware: ClassVar[MiddlewareRules] = MiddlewareRules().do_not_use(Recorder).use(Broken)


class Never(Middleware):
    """Does without a finalize phase."""

    async def finalize_phase(self, call: Call, plan_id: str) -> Any:
        """Do not call."""


class Unfinished(Wrapped):
    """Is not finalized."""

    middleware: ClassVar[MiddlewareRules] = MiddlewareRules().do_not_use(Recorder).use(Never)


class Redacted(Middleware):
    """Shows something else than is stored."""

    def present(self, call: Call) -> Any:
        """Replace it."""
        assert self.action is not None
        call()
        self.action.output["shown"] = "for readers only"


class MiddlewareTests(ActionTestCase):
    """What is wrapped by whom."""

    def setUp(self) -> None:
        LOG.clear()
        self.engine = Engine((Wrapped, Mild, Doomed, Unfinished))

    def test_all_points(self) -> None:
        """The eight of them, in their order."""
        plan = self.engine.delay(Wrapped, {}, delay=Delay(start_at=self.engine.clock.seconds() + 1))
        self.engine.advance(1)
        self.assertSucceeded(self.engine, plan)
        done(self.engine.tasks.status(plan))
        expected = []
        for point in ("delay", "plan_phase", "plan"):
            expected.append(f"{point} Recorder")
        expected[1:1] = ["/delay Recorder"]
        expected += ["/plan Recorder", "/plan_phase Recorder", "run Recorder", "run", "/run Recorder", "finalize_phase"]
        expected += ["finalize Recorder", "finalize", "/finalize Recorder", "/finalize_phase"]
        expected += ["hook Recorder", "hook", "/hook Recorder", "present Recorder", "/present Recorder"]
        self.assertEqual(LOG, expected)

    def test_an_inner_call_may_be_left_out(self) -> None:
        """And arguments be changed; a subclass can do without what its base class uses."""
        plan = self.engine.trigger(Mild, {"given": 1})
        self.assertSucceeded(self.engine, plan)
        self.assertEqual(self.engine.output(plan), {"instead": True})
        self.assertEqual(self.engine.action(plan).input["added"], 1)
        self.assertEqual(LOG, ["finalize", "hook"])

    def test_a_finalize_phase_that_fails_before(self) -> None:
        """Then nothing is finalized, and the plan says why; resumed, it is tried again."""
        LOG.append("before")
        plan = self.engine.trigger(Doomed)
        self.assertEnded(self.engine, plan, PlanState.PAUSED, PlanResult.ERROR)
        self.assertEqual((self.engine.errors(plan), LOG), (["not now"], ["before", "run"]))
        LOG.clear()
        self.engine.resume(plan)
        self.assertEqual((self.engine.errors(plan), LOG), (["too bad"], ["finalize"]))

    def test_a_finalize_phase_that_never_begins(self) -> None:
        """Its steps are skipped."""
        plan = self.engine.trigger(Unfinished)
        self.assertEnded(self.engine, plan, PlanState.STOPPED, PlanResult.WARNING)
        self.assertEqual(LOG, ["run", "hook"])

    def test_a_reader_is_shown_something_else(self) -> None:
        """What is stored stays as it is."""
        self.engine.registry.middleware.use(Redacted)
        plan = self.engine.trigger(Mild, {})
        self.assertEqual(done(self.engine.tasks.status(plan))["actions"][0]["output"]["shown"], "for readers only")
        self.assertNotIn("shown", self.engine.output(plan))
        self.assertIsInstance(self.engine.tasks, Tasks)


class ResolverTests(SynchronousTestCase):
    """The order of middleware."""

    def test_world_first_then_the_classes(self) -> None:
        """With the rules of each (X:f)."""
        base = MiddlewareRules().use(Second)
        below = MiddlewareRules().use(First, before=Second).use(Third, after=Second)
        self.assertEqual(resolve([MiddlewareRules().use(World), base, below]), (World, First, Second, Third))

    def test_replace(self) -> None:
        """In the same place, with the order that was asked for the one that is gone."""
        rules = MiddlewareRules().use(First).use(Second, before=First).use(Third, replace=Second)
        self.assertEqual(resolve([rules]), (Third, First))

    def test_do_not_use(self) -> None:
        """Nothing takes its place; rules that name it mean nothing then."""
        rules = MiddlewareRules().use(First).use(Second, after=First)
        self.assertEqual(resolve([rules, MiddlewareRules().do_not_use(First)]), (Second,))

    def test_rules_add_up(self) -> None:
        """The same one used again."""
        rules = MiddlewareRules().use(Third).use(First).use(Second).use(Third, after=First).use(Third, after=Second)
        self.assertEqual(resolve([rules]), (First, Second, Third))

    def test_contradictions(self) -> None:
        """Are named."""
        rules = MiddlewareRules().use(First, before=Second).use(Second, before=First)
        with self.assertRaisesRegex(MiddlewareCycle, "First and Second|Second and First"):
            resolve([rules])


class Hooked(Action):
    """Hears of everything that becomes of its plan."""

    waiting: ClassVar[list[Deferred[None]]] = []

    def run(self, event: Any = None) -> None:
        """Fail or wait, if so asked."""
        if event is None and self.input.get("waits"):
            self.suspend()
        if self.input.get("fails"):
            self.error("failed")

    @on_plan()
    def everything(self, plan: Plan) -> None:
        """Log."""
        LOG.append(plan.state.value)

    @on_plan("success", "failure")
    async def result(self, plan: Plan) -> None:
        """Log."""
        LOG.append(f"result {plan.result.value}")

    @on_plan("running")
    def broken(self, plan: Plan) -> None:
        """Fail."""
        raise RuntimeError("nobody cares")


class Quiet(Hooked):
    """Wants to hear less."""

    everything = None  # type: ignore[assignment]


class HookTests(ActionTestCase):
    """Methods that are called when a plan changes its state."""

    def setUp(self) -> None:
        LOG.clear()
        self.engine = Engine((Hooked, Quiet))

    def test_states_in_their_order(self) -> None:
        """And C{success} last; one that fails changes nothing, but is logged."""
        self.assertSucceeded(self.engine, self.engine.trigger(Hooked))
        self.assertEqual(LOG, ["planned", "planned", "planned", "running", "stopped", "stopped", "result success"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_subclass_may_do_without(self) -> None:
        """By setting the name to None."""
        self.assertEqual(find_hooks(Quiet), {"success": ["result"], "failure": ["result"], "running": ["broken"]})
        self.engine.trigger(Quiet)
        self.assertEqual(LOG, ["result success"])
        self.flushLoggedErrors(RuntimeError)

    def test_failure(self) -> None:
        """A paused plan has not failed yet; a halted one has, whatever its steps say."""
        plan = self.engine.trigger(Quiet, {"fails": True})
        self.assertEqual(LOG, [])
        self.engine.halt(plan)
        self.assertEqual(LOG, ["result error"])
        self.engine.halt(self.engine.trigger(Quiet, {"waits": True}))
        self.assertEqual(LOG, ["result error", "result pending"])
        self.flushLoggedErrors(RuntimeError)

    def test_unknown_kinds(self) -> None:
        """Are refused when the class is made."""
        with self.assertRaisesRegex(ValueError, "finished"):
            on_plan("finished")
