"""When each step ran: how long in all, and how much of that it worked rather than waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from smartdyn.model.states import StepState
from smartdyn.model.views import StepView

SCALE = 1000
"""Units of a bar's whole width."""

_THINNEST = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A step on the time line; places and widths are parts of L{SCALE}.

    @param real: from beginning to end.
    @param working: of that, what its action was executing; the rest it was suspended.
    @param real_time: the same in seconds, also while it runs.
    """

    step: StepView
    start: int
    real: int
    working: int
    real_time: float
    suspended_time: float


def so_far(step: StepView, now: float) -> StepView:
    """A step as people see it: one that is under way has no end, and has taken the time since it began.

    What is stored of it (and is Dynflow's, in the API) is the end of its last turn and how long it had taken by then.
    """
    if step.started_at is None or step.state not in {StepState.RUNNING, StepState.SUSPENDED}:
        return step
    return replace(step, ended_at=None, real_time=max(now - step.started_at, 0.0))


def bars(steps: Sequence[StepView], now: float) -> tuple[Bar, ...]:
    """A bar for each step that has begun.

    @param now: where those end that still run.
    """
    begun = [
        (step, step.started_at, now if step.ended_at is None else step.ended_at)
        for step in (so_far(each, now) for each in steps)
        if step.started_at is not None
    ]
    if not begun:
        return ()
    first = min(start for _, start, _ in begun)
    span = max(max(end for *_, end in begun) - first, 0.001)
    return tuple(_bar(step, start - first, end - start, span) for step, start, end in begun)


def _bar(step: StepView, offset: float, real: float, span: float) -> Bar:
    width = min(SCALE, max(_THINNEST, round(real / span * SCALE)))
    working = min(1.0, step.execution_time / real) if real > 0 else 1.0
    start = max(0, min(SCALE - width, round(offset / span * SCALE)))
    return Bar(step, start, width, max(1, round(width * working)), real, max(0.0, real - step.execution_time))
