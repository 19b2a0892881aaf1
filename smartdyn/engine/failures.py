"""How exceptions become the errors that steps keep."""

from __future__ import annotations

import traceback

from smartdyn.model.records import StepError

_MOST_FRAMES = 40


def step_error(error: BaseException) -> StepError:
    """What is kept of C{error}: its class, its text and where it came from.

    As in Ruby, an exception without a text shows its class instead.
    """
    name = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    return StepError(
        exception_class=name,
        message=str(error) or name,
        backtrace=tuple(f"{frame.filename}:{frame.lineno}:in `{frame.name}'" for frame in reversed(frames)),
    )
