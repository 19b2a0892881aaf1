"""What is done to all tasks that a search finds: first how many these are, then done, then how far it has come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from smartdyn.errors import InvalidRequest
from smartdyn.model.audit import POSSIBLE_IN
from smartdyn.model.query import parse
from smartdyn.web.facade import TaskFacade
from smartdyn.web.management import records
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import read_json, send_json
from smartdyn.web.route import Route

_MOMENT: Final = 0.001
"""What was created just now is meant too."""


class BulkRoutes:
    """C{/api/bulk}."""

    def __init__(self, tasks: TaskFacade, now: Callable[[], float]) -> None:
        self._tasks = tasks
        self._now = now

    def routes(self) -> list[Route]:
        """All of them."""
        body, answer = records.BulkOrder, records.BulkAnswer
        return [
            Route("POST", "/api/bulk", self.order, body=body, answer=answer, statuses=(200, 202)),
            Route("GET", "/api/bulk/<key>", self.progress, answer=records.BulkState),
        ]

    async def order(self, request: Any) -> bytes:
        """Say how many tasks it would be done to, or begin to do it when they are no more than was said."""
        order, now = read_json(request, records.BulkOrder), self._now()
        what = order.what
        if what not in POSSIBLE_IN:
            raise InvalidRequest(f"What can be done to many tasks is {', '.join(POSSIBLE_IN)}, not {what[:20]!r}.")
        wanted = parse(order.query, now)
        if order.expected is None:
            exact = replace(wanted, until=min(wanted.until or math.inf, now + _MOMENT))
            matched = await self._tasks.control.bulk.count(exact, what)
            return send_json(request, records.BulkAnswer(str(exact), what, matched))
        by = actor_of(request, "api")
        key = await self._tasks.control.bulk.start(wanted, what, by, expected=order.expected)
        return send_json(request, records.BulkAnswer(str(wanted), what, order.expected, key), 202)

    async def progress(self, request: Any, key: str) -> bytes:
        """How far something that is done to many tasks has come."""
        found = await self._tasks.control.bulk.progress(key)
        if found is None:
            return send_json(request, {"error": "Nothing like that was done, or it was long ago."}, 404)
        progress, goes_on = found
        entry = progress.entry
        state = records.BulkState(
            what=entry.what,
            query=entry.subject,
            matched=entry.tasks or 0,
            reached=progress.reached,
            refused=progress.refused,
            over=not goes_on,
            outcome=entry.outcome,
            problems=[records.Problem(*problem) for problem in progress.problems],
        )
        return send_json(request, state)
