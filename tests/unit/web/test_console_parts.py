"""The parts of pages: files and their size, colours, pictures of flows and times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from itertools import accumulate
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import InvalidRequest
from smartdyn.model.flows import Atom, Concurrence, Flow, Sequence
from smartdyn.model.records import StepError
from smartdyn.model.views import OutputChunk, StepView
from smartdyn.web.console import palette
from smartdyn.web.console.assets import Assets
from smartdyn.web.console.chart import columns, levels
from smartdyn.web.console.flow_graph import draw, nested
from smartdyn.web.console.format import ago, is_id
from smartdyn.web.console.lines import START, Mark
from smartdyn.web.console.plan_tree import plan_tree
from smartdyn.web.console.search import MOST_HITS, Found, Search, compiled
from smartdyn.web.console.timeline import SCALE, bars

STATIC = files("smartdyn.web.console").joinpath("static")
FLOWS: st.SearchStrategy[Flow] = st.recursive(
    st.integers(1, 99).map(Atom),
    lambda parts: st.lists(parts, min_size=1, max_size=4).flatmap(
        lambda found: st.sampled_from([Sequence(tuple(found)), Concurrence(tuple(found))])
    ),
    max_leaves=20,
)


def step(number: int, started: float | None = None, ended: float | None = None, worked: float = 0.0) -> StepView:
    """A step as pages show it."""
    return StepView(number, 1, None, "run", "Rig::Noop", "success", None, started, ended, worked, 0.0, "success", 1.0)


class AssetTests(SynchronousTestCase):
    """What browsers load."""

    def test_a_first_visit_is_light(self) -> None:
        """All files together are small when packed, and little of that is script."""
        assets = Assets()
        self.assertLess(assets.packed_size(), 120 * 1024)
        self.assertLess(assets.packed_size(".js"), 35 * 1024)

    def test_what_others_wrote_is_what_they_published(self) -> None:
        """Vendored scripts are unchanged and have their licences beside them."""
        for name, facts in json.loads(STATIC.joinpath("VENDORED.json").read_text()).items():
            digest = hashlib.sha256(STATIC.joinpath(name).read_bytes()).hexdigest()
            self.assertEqual(digest, facts["sha256"], name)
            self.assertIn("Permission to use", STATIC.joinpath(facts["licence"]).read_text())


class PlanTreeTests(SynchronousTestCase):
    """Who planned whom."""

    @given(st.lists(st.integers(0, 40), max_size=40))
    def test_each_stands_below_its_planner(self, callers: list[int]) -> None:
        """However the actions were planned, each is there once, below the one that planned it and in their order."""
        parents = {1: None, **{number: 1 + caller % (number - 1) for number, caller in enumerate(callers, 2)}}
        found: list[tuple[int | None, int]] = []
        levels: list[int] = []
        for item in plan_tree(*self.planned(parents)):
            found.append((levels[-1] if levels else None, item.step.id))
            if item.opens:
                levels.append(item.step.id)
            del levels[len(levels) - item.closes :]
        self.assertEqual((sorted(found, key=lambda pair: pair[1]), levels), ([(parents[n], n) for n in parents], []))
        for parent in parents:
            children = [number for above, number in found if above == parent]
            self.assertEqual(children, sorted(children))

    def test_where_it_failed(self) -> None:
        """At the step whose error others only passed on, and at each that failed by itself."""
        steps, actions = self.planned({1: None, 2: 1, 3: 2, 4: 1})
        errors = {1: "a", 2: "b", 3: "b"}
        steps = [replace(each, error=StepError("E", errors[each.id])) if each.id in errors else each for each in steps]
        self.assertEqual([item.step.id for item in plan_tree(steps, actions) if item.failed], [1, 3])

    def planned(self, parents: Mapping[int, int | None]) -> tuple[list[StepView], list[dict[str, Any]]]:
        """Plan steps and actions with the same numbers; the first is planned by another task's."""
        steps = [replace(step(number), phase="plan", action_id=number) for number in parents]
        return steps, [
            {"id": number, "caller_action_id": parent or 7, "caller_execution_plan_id": None if parent else "other"}
            for number, parent in parents.items()
        ]


class PaletteTests(SynchronousTestCase):
    """The 256 colours."""

    def test_the_colours_are_those_of_xterm(self) -> None:
        """The cube and the greys stand where programs expect them."""
        found = [palette.xterm(index) for index in (16, 196, 231, 232, 255)]
        self.assertEqual(found, [(0, 0, 0), (255, 0, 0), (255, 255, 255), (8, 8, 8), (238, 238, 238)])

    def test_a_colour_of_24_bit_is_like_one_of_them(self) -> None:
        """The nearest is a grey or of the cube, never of the sixteen, which look different everywhere."""
        self.assertEqual(
            [palette.nearest(wanted) for wanted in ((128, 128, 128), (255, 0, 0), (0, 0, 0))], [244, 196, 16]
        )


class GraphTests(SynchronousTestCase):
    """Pictures of flows."""

    def test_one_after_another_and_at_once(self) -> None:
        """A sequence goes to the right with arrows, a concurrence goes down."""
        flow = Sequence((Atom(1), Concurrence((Atom(2), Atom(3)))))
        graph = draw(nested(flow, {number: step(number) for number in (1, 2, 3)}))
        first, second, third = graph.boxes
        self.assertLess(first.x + first.width, second.x)
        self.assertEqual(second.x, third.x)
        self.assertLess(second.y + second.height, third.y)
        self.assertEqual(len(graph.arrows), 1)

    @given(FLOWS)
    def test_boxes_do_not_touch(self, flow: Flow) -> None:
        """However a flow is nested, its boxes are inside of the picture and apart from one another."""
        graph = draw(nested(flow, {number: step(number) for number in range(100)}))
        for index, box in enumerate(graph.boxes):
            self.assertTrue(box.x >= 0 and box.x + box.width <= graph.width)
            self.assertTrue(box.y >= 0 and box.y + box.height <= graph.height)
            for other in graph.boxes[:index]:
                apart = abs(box.x - other.x) >= box.width or abs(box.y - other.y) >= box.height
                self.assertTrue(apart, (box, other))


class TimelineTests(SynchronousTestCase):
    """When what ran."""

    def test_real_and_suspended_time(self) -> None:
        """A bar begins and ends where its step did, and shows how much of that was work."""
        first, second = bars([step(1, 0.0, 5.0, 5.0), step(2, 5.0, 10.0, 1.0), step(3)], 20.0)
        self.assertEqual((first.start, first.real, first.working), (0, SCALE // 2, SCALE // 2))
        self.assertEqual((second.start, second.real, second.working), (SCALE // 2, SCALE // 2, SCALE // 10))
        self.assertEqual(second.suspended_time, 4.0)

    def test_a_step_that_runs_ends_now(self) -> None:
        """What is not over goes to the right edge."""
        for unfinished in (step(1, 0.0), replace(step(1, 0.0, 1.0), state="suspended")):
            bar, _ = bars([unfinished, step(2, 1.0, 2.0)], 20.0)
            self.assertEqual((bar.start, bar.real), (0, SCALE))

    @given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6)), max_size=9))
    def test_bars_stay_inside(self, times: list[tuple[float, float, float]]) -> None:
        """No clock makes a bar leave its line."""
        steps = [step(number, start, start + real, worked) for number, (start, real, worked) in enumerate(times)]
        for bar in bars(steps, 3e6):
            self.assertTrue(bar.start >= 0 and bar.start + bar.real <= SCALE and bar.working <= bar.real)


class FormatTests(SynchronousTestCase):
    """How things are written."""

    def test_how_long_ago(self) -> None:
        """The largest unit is enough; what is just being done has none."""
        found = [ago(1000.0, 1000.0 + past) for past in (0.2, 59, 61, 7200, 3 * 86400)]
        self.assertEqual(found, ["just now", "59 s ago", "1 min ago", "2 h ago", "3 d ago"])

    def test_what_is_the_id_of_a_task(self) -> None:
        """Hosts and searches are none, and nothing is none either."""
        found = [is_id(text) for text in ("0d5a1f9e-1111-4222-8333-444455556666", "web1.example.org", "", None)]
        self.assertEqual(found, [True, False, False, False])


class ChartTests(SynchronousTestCase):
    """Numbers over time."""

    def test_columns(self) -> None:
        """The largest number fills the height, nothing has no column, and words say the same."""
        chart = columns([0, 1, 2])
        self.assertEqual([height for *_, height in chart.columns], [24, 48])
        self.assertEqual(chart.summary, "3 in 3 minutes, at most 2 in one")
        self.assertEqual(columns([]).columns, ())

    def test_levels(self) -> None:
        """Of how high something stood, words say the last and the highest."""
        self.assertEqual(levels([5, 0, 2], "ms").summary, "2 ms now, at most 5 ms")
        self.assertEqual(levels([]).summary, "0 now, at most 0")


class SearchTests(SynchronousTestCase):
    """Looking for a pattern."""

    def chunks(self, *texts: str) -> list[OutputChunk]:
        """Output in pieces."""
        return [OutputChunk(number, "stdout", 0.0, text) for number, text in enumerate(texts)]

    def found(self, chunks: list[OutputChunk], pattern: str, context: int = 0) -> Found:
        """What is found in all of it."""
        search = Search(compiled(pattern), context)
        search.read(chunks)
        self.assertTrue(search.is_over)
        return search.found()

    def test_hits_that_touch_are_shown_together(self) -> None:
        """Lines around a hit are there once, and hits far apart have groups of their own."""
        found = self.found(self.chunks("a\nb\nX\nc\nX\nd\n", "e\nf\ng\nX"), "X", 1)
        groups = [[line.number for line in group] for group in found.groups]
        self.assertEqual((groups, sorted(found.hits)), ([[2, 3, 4, 5, 6], [9, 10]], [3, 5, 10]))
        self.assertEqual((found.first, found.last, found.rest), (1, 10, None))

    def test_lower_case_finds_all(self) -> None:
        """A pattern in lower case does not care for case; colours do not keep a word from being found."""
        self.assertEqual(self.found(self.chunks("Per\x1b[31mMISSION\n"), "permission").hits, {1})

    def test_a_pattern_that_takes_for_ever_is_given_up(self) -> None:
        """Catastrophic backtracking ends with a word about it."""
        found = self.found(self.chunks(f"fine\n{'a' * 5000}!\n"), "(a|a|aa)+$")
        self.assertIn("with line 2; try a simpler pattern", found.problem or "")
        self.assertIsNone(found.rest)

    def test_too_many(self) -> None:
        """A page ends with so many hits, and the next one goes on with the next line."""
        chunks = self.chunks("x\n" * (MOST_HITS + 5), "x\ny\n")
        first = self.found(chunks, "x")
        assert first.rest is not None
        self.assertEqual((len(first.hits), first.last), (MOST_HITS, MOST_HITS))
        search = Search(compiled("x"), 0, first.rest)
        search.read(chunks[search.position :])
        rest = search.found()
        self.assertEqual((len(rest.hits), rest.first, rest.last, rest.rest), (6, MOST_HITS + 1, MOST_HITS + 7, None))

    @given(
        texts=st.lists(st.text("ab\n\x1b[31m", max_size=12), max_size=8),
        times=st.lists(st.sampled_from((0.0, 0.3)), min_size=60, max_size=60),
    )
    def test_slices_add_up(self, texts: list[str], times: list[float]) -> None:
        """However often it is interrupted, also for the next page, the same lines are found."""
        chunks = self.chunks(*texts)
        clock = accumulate(times)
        hits: set[int] = set()
        mark: Mark | None = START
        while mark is not None:
            search = Search(compiled("A"), 0, mark, lambda: next(clock, 1e9))
            while not search.is_over and not search.has_moved:
                search.read(chunks[search.position :])
            hits |= search.found().hits
            mark = search.found().rest
        self.assertEqual(hits, self.found(chunks, "A").hits)

    def test_no_pattern(self) -> None:
        """What is no regular expression is refused with the reason."""
        self.assertRaises(InvalidRequest, compiled, "(")
        self.assertRaises(InvalidRequest, compiled, "x" * 1000)
