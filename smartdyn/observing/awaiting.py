"""Where a coroutine stands: the functions that wait for each other, down to what nobody here wrote.

Only places in the code are told, never what is in their variables.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from twisted.internet.defer import Deferred

from smartdyn.aio import coroutine_of

_MOST: Final = 20
"""Places of one coroutine: what waits deeper than that goes round in circles."""

_LIBRARIES: Final = ("contextlib.py", "defer.py")
"""Files whose functions only pass on what is awaited."""


def awaited(coroutine: Any) -> tuple[str, ...]:
    """The places at which a coroutine, and what it waits for, stands: from the outside in."""
    found = []
    for frame in _frames(coroutine):
        path = Path(frame.f_code.co_filename)
        if path.name not in _LIBRARIES:
            found.append(f"{_shown(path)}:{frame.f_lineno} {frame.f_code.co_qualname}")
        if len(found) == _MOST:
            break
    return tuple(found)


def _frames(waiting: Any) -> Iterator[FrameType]:
    while waiting is not None:
        frame, following = _look(waiting)
        if frame is None:
            return
        yield frame
        waiting = following if _is_known(following) else _behind(frame)


def _look(waiting: Any) -> tuple[FrameType | None, Any]:
    """Where it stands, and what it waits for."""
    if inspect.iscoroutine(waiting):
        return waiting.cr_frame, waiting.cr_await
    if inspect.isasyncgen(waiting):
        return waiting.ag_frame, waiting.ag_await
    if inspect.isgenerator(waiting):
        return waiting.gi_frame, waiting.gi_yieldfrom
    return None, None


def _is_known(waiting: Any) -> bool:
    return inspect.iscoroutine(waiting) or inspect.isasyncgen(waiting) or inspect.isgenerator(waiting)


def _behind(frame: FrameType) -> Any:
    """What a function of a library waits for: a coroutine behind a Deferred, or a context manager's generator."""
    if Path(frame.f_code.co_filename).name not in _LIBRARIES:
        return None
    owner = frame.f_locals.get("self")
    return coroutine_of(owner) if isinstance(owner, Deferred) else getattr(owner, "gen", None)


def _shown(path: Path) -> str:
    """The end of a path that says which module it is."""
    parts = path.parts
    start = max((index for index, part in enumerate(parts) if part in {"smartdyn", "twisted"}), default=len(parts) - 2)
    return "/".join(parts[start:])
