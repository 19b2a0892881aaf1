"""In which order the steps of a plan go: trees of sequences and concurrences.

The derivation follows Dynflow (flows/abstract_composed.rb, flows/concurrence.rb): a step that uses the output of
others is put behind them, as deep in the tree as they stand. On the wire an atom is a bare step id and a composed flow
a list that begins with C{"S"} or C{"C"}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Atom:
    """One step."""

    step_id: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Flows that go one after another, each only when all before it are done without error."""

    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True, slots=True)
class Concurrence:
    """Flows that go at the same time and do not stop each other."""

    flows: tuple[Flow, ...] = ()


Flow: TypeAlias = Atom | Sequence | Concurrence
Composed: TypeAlias = Sequence | Concurrence

Requirements: TypeAlias = Mapping[int, frozenset[int]]
"""For each step, the steps whose output it needs and that do not yet stand before it."""


def step_ids(flow: Flow) -> Iterator[int]:
    """All steps of C{flow}, from left to right."""
    if isinstance(flow, Atom):
        yield flow.step_id
    else:
        for child in flow.flows:
            yield from step_ids(child)


def encode(flow: Flow) -> Any:
    """C{flow} as Dynflow writes it in JSON."""
    if isinstance(flow, Atom):
        return flow.step_id
    return ["S" if isinstance(flow, Sequence) else "C", *(encode(child) for child in flow.flows)]


def decode(encoded: Any) -> Flow:
    """The flow that L{encode} wrote, or Dynflow before it wrote flows as lists (execution_plan.rb)."""
    if isinstance(encoded, int):
        return Atom(encoded)
    if isinstance(encoded, dict):
        kind = encoded["class"].rpartition("::")[2]
        if kind == "Atom":
            return Atom(encoded["step_id"])
        children = encoded["flows"]
    else:
        kind, *children = encoded
    return (Sequence if kind.startswith("S") else Concurrence)(tuple(decode(child) for child in children))


def unwrap(flow: Flow) -> Flow:
    """The only child of a composed flow that has just one, else C{flow} itself."""
    if not isinstance(flow, Atom) and len(flow.flows) == 1:
        return flow.flows[0]
    return flow


def add(parent: Composed, child: Flow, unmet: Requirements) -> tuple[Composed, Requirements]:
    """C{parent} with C{child} in it, placed so that it goes after what its steps require.

    @return: the new parent, and the requirements that no direct child of it satisfies: those are left to the flows
        around it.
    """
    steps = list(step_ids(child))
    if not steps:
        return parent, unmet
    satisfying: list[Flow] = []
    remaining = dict(unmet)
    for step in steps:
        for required in sorted(unmet.get(step, ())):
            holder = next((flow for flow in parent.flows if required in step_ids(flow)), None)
            if holder is None:
                continue
            remaining[step] = remaining[step] - {required}
            if holder not in satisfying:
                satisfying.append(holder)
    return _flatten(_insert(parent, child, satisfying)), {step: needs for step, needs in remaining.items() if needs}


def _insert(parent: Composed, child: Flow, satisfying: list[Flow]) -> Composed:
    if isinstance(parent, Sequence) or not satisfying:
        return type(parent)((*parent.flows, child))
    others = tuple(flow for flow in parent.flows if flow not in satisfying)
    return Concurrence((*others, Sequence((Concurrence(tuple(satisfying)), child))))


def _flatten(flow: Composed) -> Composed:
    children: list[Flow] = []
    for child in flow.flows:
        simple = child if isinstance(child, Atom) else unwrap(_flatten(child))
        if isinstance(simple, type(flow)):
            children.extend(simple.flows)
        else:
            children.append(simple)
    return type(flow)(tuple(children))
