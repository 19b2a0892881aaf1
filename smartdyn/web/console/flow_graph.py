"""The flow of a plan as boxes: what goes one after another stands side by side, what goes at once one below the other.

A flow is a tree of sequences and concurrences (L{smartdyn.model.flows}), so each part has a size that follows from its
own parts, and a place that follows from those beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smartdyn.model.flows import Atom, Flow, Sequence
from smartdyn.model.views import StepView

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 190, 44, 28, 12, 8


@dataclass(frozen=True, slots=True)
class Box:
    """A step in the picture."""

    step: StepView
    x: int
    y: int
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class Arrow:
    """From the end of a part to the beginning of the next."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Graph:
    """The picture."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a flow for the nested boxes.

    @param kind: C{step}, C{sequence} or C{concurrence}.
    """

    kind: str
    step: StepView | None = None
    parts: tuple[Node, ...] = ()


def nested(flow: Flow, steps: Mapping[int, StepView]) -> Node:
    """The flow with its steps in it."""
    if isinstance(flow, Atom):
        return Node("step", steps.get(flow.step_id))
    kind = "sequence" if isinstance(flow, Sequence) else "concurrence"
    return Node(kind, parts=tuple(nested(part, steps) for part in flow.flows))


def draw(node: Node) -> Graph:
    """The picture of a flow."""
    width, height = _size(node)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    _place(node, _MARGIN, _MARGIN, height, boxes, arrows)
    return Graph(width + 2 * _MARGIN, height + 2 * _MARGIN, tuple(boxes), tuple(arrows))


def steps_of(node: Node) -> Iterator[StepView]:
    """All steps, in the order of the flow."""
    if node.step is not None:
        yield node.step
    for part in node.parts:
        yield from steps_of(part)


def _size(node: Node) -> tuple[int, int]:
    if node.kind == "step":
        return _WIDTH, _HEIGHT
    sizes = [_size(part) for part in node.parts] or [(0, 0)]
    widths, heights = [width for width, _ in sizes], [height for _, height in sizes]
    if node.kind == "sequence":
        return sum(widths) + _GAP_X * (len(sizes) - 1), max(heights)
    return max(widths), sum(heights) + _GAP_Y * (len(sizes) - 1)


def _place(node: Node, x: int, y: int, height: int, boxes: list[Box], arrows: list[Arrow]) -> None:
    """Draw a part in the middle of the C{height} that it has."""
    if node.kind == "step":
        if node.step is not None:
            boxes.append(Box(node.step, x, y + (height - _HEIGHT) // 2))
        return
    y += (height - _size(node)[1]) // 2
    own_height = _size(node)[1]
    for index, part in enumerate(node.parts):
        part_width, part_height = _size(part)
        if node.kind == "concurrence":
            _place(part, x, y, part_height, boxes, arrows)
            y += part_height + _GAP_Y
            continue
        _place(part, x, y, own_height, boxes, arrows)
        if index + 1 < len(node.parts):
            middle = y + own_height // 2
            arrows.append(Arrow(x + part_width + 2, middle, x + part_width + _GAP_X - 4, middle))
        x += part_width + _GAP_X
