"""Follows the output of a task over lost connections and restarts of the service: nothing twice, nothing missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from smartdyn.cli.client import Service
from smartdyn.cli.failures import Unreachable

_GIVE_UP: Final = 120.0
"""Seconds without the service after which it is not asked again."""

_PAUSE: Final = 0.5
_DECISION: Final = 2.0
"""Seconds until a task that waits for a decision is looked at again."""


def follow(
    service: Service, task_id: str, *, lines: int = 0, wait: bool = True, decided: bool = False
) -> Iterator[Any]:
    """The pieces of the output, then its end, which has C{over}: when the task is over, or paused.

    @param lines: begin with the last ones; 0 for all.
    @param wait: for what comes later.
    @param decided: also for what comes when somebody resumes a task that is paused.
    @raise CommandFailed: there is no such task, or no service for too long.
    """
    place: dict[str, str | int] = {"lines": lines} if lines else {}
    heard: float | None = None
    while True:
        pause = _PAUSE
        try:
            answer = service.lines("tasks", task_id, "output", follow=int(wait), **place)
            heard = time.monotonic()
            for record in answer:
                heard = time.monotonic()
                if "over" in record and wait and decided and not record["over"]:
                    pause = _DECISION
                    break
                yield record
                if "over" in record:
                    return
                place = {"after": record["position"] + 1, "action": record["action"]}
        except Unreachable as error:
            if heard is None or time.monotonic() - heard > _GIVE_UP:
                raise Unreachable(f"{error} Then go on with `smartdyn tasks tail {task_id}`.") from error
        time.sleep(pause)
