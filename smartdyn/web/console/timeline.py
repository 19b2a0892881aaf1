"""When each step ran: how long in all, and how much of that it worked rather than waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smartdyn.model.views import StepView

SCALE = 1000
"""Units of a bar's whole width."""

_THINNEST = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A step on the time line; places and widths are parts of L{SCALE}.

    @param real: from beginning to end.
    @param working: of that, what its action was executing; the rest it was suspended.
    """

    step: StepView
    start: int
    real: int
    working: int
    suspended_time: float


def bars(steps: Sequence[StepView], now: float) -> tuple[Bar, ...]:
    """A bar for each step that has begun.

    @param now: where those end that still run.
    """
    begun = [(step, step.started_at) for step in steps if step.started_at is not None]
    if not begun:
        return ()
    first = min(at for _, at in begun)
    span = max(max(step.ended_at or now for step, _ in begun) - first, 0.001)
    return tuple(_bar(step, at - first, (step.ended_at or now) - at, span) for step, at in begun)


def _bar(step: StepView, offset: float, real: float, span: float) -> Bar:
    width = min(SCALE, max(_THINNEST, round(real / span * SCALE)))
    working = min(1.0, step.execution_time / real) if real > 0 else 1.0
    start = max(0, min(SCALE - width, round(offset / span * SCALE)))
    return Bar(step, start, width, max(1, round(width * working)), max(0.0, real - step.execution_time))
