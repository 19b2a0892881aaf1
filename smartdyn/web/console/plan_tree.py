"""Who planned whom: the plan steps of a task as a tree, flattened so that no depth of it is too deep for a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartdyn.model.views import StepView


@dataclass(frozen=True, slots=True)
class Planned:
    """An action in the tree, in the order in which they stand there.

    @param opens: those that it planned follow, one level deeper.
    @param closes: so many levels end behind it.
    @param failed: planning failed here, rather than in an action that this one planned.
    """

    step: StepView
    opens: bool
    closes: int
    failed: bool


def plan_tree(steps: Sequence[StepView], actions: Sequence[Mapping[str, Any]]) -> list[Planned]:
    """The tree.

    The actions' own word for who planned them counts: that of the plan steps leaves out what could not be planned.

    @param actions: as the status of the task has them.
    """
    by_action = {step.action_id: step for step in steps if step.phase == "plan"}
    children: dict[int | None, list[StepView]] = {}
    for action in sorted(actions, key=lambda action: action["id"]):
        if action["id"] in by_action:
            caller = None if action["caller_execution_plan_id"] else action["caller_action_id"]
            children.setdefault(caller, []).append(by_action[action["id"]])
    tree: list[Planned] = []
    waiting = [(step, 0) for step in reversed(children.get(None, []))]
    while waiting:
        step, closes = waiting.pop()
        below = children.get(step.action_id, [])
        tree.append(Planned(step, bool(below), 0 if below else closes, _fails(step, below)))
        last = len(below) - 1
        waiting += [(child, closes + 1 if index == last else 0) for index, child in reversed([*enumerate(below)])]
    return tree


def _fails(step: StepView, below: Sequence[StepView]) -> bool:
    """Has planning failed at this step itself? An error that nobody takes care of goes on to whoever planned it."""
    return step.error is not None and step.error.message not in {each.error.message for each in below if each.error}
