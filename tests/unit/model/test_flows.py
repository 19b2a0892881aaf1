"""Deriving and encoding flows."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.flows import (
    Atom,
    Concurrence,
    Flow,
    Requirements,
    Sequence,
    add,
    decode,
    encode,
    step_ids,
    unwrap,
)

NOTHING: Requirements = {}


def flow_trees() -> st.SearchStrategy[Flow]:
    """Any flow."""
    return st.recursive(
        st.integers(min_value=1, max_value=99).map(Atom),
        lambda inner: st.lists(inner, max_size=4).flatmap(
            lambda flows: st.sampled_from([Sequence(tuple(flows)), Concurrence(tuple(flows))])
        ),
        max_leaves=12,
    )


class AddTests(SynchronousTestCase):
    """L{add} puts steps where Dynflow does."""

    def test_independent_steps_go_together(self) -> None:
        """Two steps that need nothing stand side by side."""
        flow, _ = add(Concurrence(), Atom(2), NOTHING)
        flow, _ = add(flow, Atom(3), NOTHING)
        self.assertEqual(encode(flow), ["C", 2, 3])

    def test_a_flow_without_steps_leaves_no_trace(self) -> None:
        """An action that planned nothing does not show in the flow."""
        flow, _ = add(Concurrence((Atom(1),)), Sequence((Concurrence(),)), NOTHING)
        self.assertEqual(encode(flow), ["C", 1])

    def test_a_dependency_makes_a_sequence(self) -> None:
        """A step that uses another's output goes after it."""
        flow, _ = add(Concurrence(), Atom(3), NOTHING)
        flow, unmet = add(flow, Atom(5), {5: frozenset({3})})
        self.assertEqual((encode(unwrap(flow)), unmet), (["S", 3, 5], {}))

    def test_a_diamond(self) -> None:
        """c needs a; d needs a, b and c: Dynflow's own example."""
        flow, _ = add(Concurrence(), Atom(3), NOTHING)
        flow, _ = add(flow, Atom(5), NOTHING)
        flow, _ = add(flow, Atom(7), {7: frozenset({3})})
        flow, _ = add(flow, Atom(8), {8: frozenset({3, 5, 7})})
        self.assertEqual(encode(unwrap(flow)), ["S", ["C", ["S", 3, 7], 5], 8])

    def test_a_sequence_in_a_concurrence_keeps_its_shape(self) -> None:
        """Blocks nest, and blocks of one kind in another of the same kind are spliced."""
        inner, _ = add(Sequence(), Atom(3), NOTHING)
        inner, _ = add(inner, Concurrence((Atom(5), Atom(8))), NOTHING)
        inner, _ = add(inner, Atom(11), NOTHING)
        outer, _ = add(Concurrence(), inner, NOTHING)
        outer, _ = add(outer, Concurrence((Atom(12), Atom(14))), NOTHING)
        self.assertEqual(encode(outer), ["C", ["S", 3, ["C", 5, 8], 11], 12, 14])

    def test_what_no_child_satisfies_is_left_to_the_flows_around(self) -> None:
        """A requirement on a step that stands elsewhere stays unmet."""
        _, unmet = add(Concurrence((Atom(3),)), Atom(5), {5: frozenset({9})})
        self.assertEqual(unmet, {5: frozenset({9})})


class EncodingTests(SynchronousTestCase):
    """The wire form of flows."""

    @given(flow_trees())
    def test_decoding_undoes_encoding(self, flow: Flow) -> None:
        """Whatever was encoded can be read back."""
        self.assertEqual(decode(encode(flow)), flow)

    @given(flow_trees())
    def test_adding_loses_no_step(self, flow: Flow) -> None:
        """Steps are neither lost nor doubled when a flow is merged into another."""
        merged, _ = add(Concurrence((Atom(100),)), flow, NOTHING)
        self.assertEqual(sorted(step_ids(merged)), sorted([100, *step_ids(flow)]))

    def test_an_empty_flow_keeps_its_kind(self) -> None:
        """An empty run flow is C{["C"]}, an empty finalize flow C{["S"]}."""
        self.assertEqual([encode(Concurrence()), encode(Sequence())], [["C"], ["S"]])

    def test_the_old_form(self) -> None:
        """Flows as Dynflow wrote them before they were lists."""

        def atom(step_id: int) -> dict[str, Any]:
            return {"class": "Dynflow::Flows::Atom", "step_id": step_id}

        old = {
            "class": "Dynflow::Flows::Sequence",
            "flows": [atom(3), {"class": "Dynflow::Flows::Concurrence", "flows": [atom(5), atom(7)]}],
        }
        self.assertEqual(encode(decode(old)), ["S", 3, ["C", 5, 7]])
