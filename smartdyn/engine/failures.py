"""How exceptions become the errors that steps keep."""

from __future__ import annotations

import traceback

from smartdyn.model.records import StepError

_MOST_FRAMES = 40


def step_error(error: BaseException) -> StepError:
    """What is kept of C{error}: its class, its text and where it came from.

    As in Ruby, an exception without a text shows its class instead; of a missing key Python would only say its name.
    """
    name = type(error).__name__
    text = f"there is no key {error}" if isinstance(error, KeyError) and error.args else str(error)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    return StepError(
        exception_class=name,
        message=text or name,
        backtrace=tuple(f"{frame.filename}:{frame.lineno}:in `{frame.name}'" for frame in reversed(frames)),
    )
