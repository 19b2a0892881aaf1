"""Deleting tasks that are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smartdyn.errors import InvalidRequest
from smartdyn.model.query import parse
from smartdyn.web.facade import TaskFacade
from smartdyn.web.management import records
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import read_json, send_json
from smartdyn.web.route import Route


class PruneRoutes:
    """C{/api/prune}."""

    def __init__(self, tasks: TaskFacade, now: Callable[[], float]) -> None:
        self._tasks = tasks
        self._now = now

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(
                "POST", "/api/prune", self.prune, body=records.PruneOrder, answer=records.PruneState, statuses=(202,)
            ),
            Route("GET", "/api/prune/<key>", self.progress, answer=records.PruneState),
        ]

    async def prune(self, request: Any) -> bytes:
        """Begin to delete the tasks that a search finds, as far as they are over and nobody needs them."""
        order, now = read_json(request, records.PruneOrder), self._now()
        if order.over_at > now:
            raise InvalidRequest("`over_at` lies in the future.")
        key = await self._tasks.pruning.start(parse(order.query, now), order.over_at, actor_of(request, "api"))
        return await self._state(request, key, 202)

    async def progress(self, request: Any, key: str) -> bytes:
        """How far it has come."""
        return await self._state(request, key, 200)

    async def _state(self, request: Any, key: str, status: int) -> bytes:
        found = await self._tasks.pruning.progress(key)
        if found is None:
            return send_json(request, {"error": "Nothing like that was done, or it was long ago."}, 404)
        return send_json(
            request, records.PruneState(key, found.deleted, found.over, found.failed, found.outcome), status
        )
