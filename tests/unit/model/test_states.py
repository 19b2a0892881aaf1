"""The transition tables, pair by pair."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import IllegalTransition
from smartdyn.model import rules, wire
from smartdyn.model.records import Step
from smartdyn.model.rules import Progress, RescueStrategy
from smartdyn.model.states import (
    PlanResult,
    PlanState,
    StepKind,
    StepState,
    check_plan_transition,
    check_step_transition,
)

PLAN = """
pending: stopped scheduled planning
scheduled: planning stopped
planning: planned stopped
planned: running stopped
running: paused stopped
paused: running stopped
stopped:
"""

STEPS = {
    StepKind.PLAN: "scheduling: pending error cancelled\npending: running error cancelled\n"
    "running: success error cancelled",
    StepKind.RUN: "pending: running skipped error\nrunning: success error suspended\nsuccess: suspended\n"
    "suspended: running error\nskipping: error skipped\nerror: skipping running",
    StepKind.FINALIZE: "pending: running skipped\nrunning: success error\nsuccess: pending\nerror: pending skipped",
}


def table(text: str) -> set[tuple[str, str]]:
    """The allowed pairs of a table as the specification writes it."""
    return {
        (old.strip(), new)
        for old, _, following in (line.partition(":") for line in text.strip().splitlines())
        for new in following.split()
    }


class TransitionTests(SynchronousTestCase):
    """Every pair of states is either allowed or refused."""

    def test_plans(self) -> None:
        """All forty-nine pairs."""
        for old, new in product(PlanState, PlanState):
            if (old, new) in table(PLAN):
                check_plan_transition(old, new)
            else:
                error = self.assertRaises(IllegalTransition, check_plan_transition, old, new)
                self.assertIn(f"{old} >> {new}", str(error))

    def test_steps(self) -> None:
        """All pairs for each kind of step."""
        for kind, old, new in product(StepKind, StepState, StepState):
            if (old, new) in table(STEPS[kind]):
                check_step_transition(kind, old, new)
            else:
                self.assertRaises(IllegalTransition, check_step_transition, kind, old, new)


class RuleTests(SynchronousTestCase):
    """What follows from states."""

    def result(self, *states: StepState) -> PlanResult:
        """The result of a plan with steps in these states."""
        return rules.result([Step("p", 1, StepKind.RUN, 1, "X", state=state) for state in states])

    def test_results(self) -> None:
        """The first rule that fits counts."""
        success, error, skipped = StepState.SUCCESS, StepState.ERROR, StepState.SKIPPED
        self.assertEqual(self.result(), PlanResult.SUCCESS)
        self.assertEqual(self.result(success, StepState.PENDING), PlanResult.PENDING)
        self.assertEqual(self.result(success, skipped), PlanResult.WARNING)
        self.assertEqual(self.result(StepState.SKIPPING, StepState.RUNNING), PlanResult.WARNING)
        self.assertEqual(self.result(skipped, error, StepState.RUNNING), PlanResult.ERROR)
        self.assertEqual(self.result(error, StepState.CANCELLED), PlanResult.CANCELLED)

    def test_strategies_combine_by_unanimity(self) -> None:
        """All alike, or pause."""
        fail, skip, pause = RescueStrategy.FAIL, RescueStrategy.SKIP, RescueStrategy.PAUSE
        self.assertIsNone(rules.combine([]))
        self.assertEqual(
            [rules.combine([fail, fail]), rules.combine([skip]), rules.combine([fail, skip])], [fail, skip, pause]
        )

    @given(st.dictionaries(st.integers(1, 6), st.sampled_from(list(StepState)), min_size=6, max_size=6))
    def test_a_walk_starts_only_what_may_start(self, states: dict[int, StepState]) -> None:
        """In S(1, C(2, S(3, 4)), 5) nothing starts before what stands in front of it is done."""
        from smartdyn.model.flows import decode  # noqa: PLC0415

        walk = rules.walk(decode(["S", 1, ["C", 2, ["S", 3, 4]], 5]), states.__getitem__)
        done = {StepState.SUCCESS, StepState.SKIPPED}
        before = {1: [], 2: [1], 3: [1], 4: [1, 3], 5: [1, 2, 3, 4]}
        for step in walk.ready:
            self.assertTrue(all(states[earlier] in done for earlier in before[step]))
            self.assertIn(states[step], {StepState.PENDING, StepState.SKIPPING})
        if walk.progress is Progress.DONE:
            self.assertTrue(all(states[step] in done for step in before))


class WireTests(SynchronousTestCase):
    """Times on the wire."""

    def test_milliseconds_are_cut(self) -> None:
        """Not rounded."""
        self.assertEqual(wire.format_time(1_795_451_540.1009), "2026-11-23 16:32:20.100")
        self.assertEqual(wire.format_time(1_795_451_540.9999), "2026-11-23 16:32:20.999")
        self.assertIsNone(wire.format_time(None))
