"""All of the management API together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smartdyn.metrics.http import HttpMeters
from smartdyn.web.facade import HostKeys, TaskFacade
from smartdyn.web.management.bulk import BulkRoutes
from smartdyn.web.management.prune import PruneRoutes
from smartdyn.web.management.service import ServiceRoutes
from smartdyn.web.management.tasks import TaskRoutes
from smartdyn.web.route import Route


class ManagementApi:
    """The routes below C{/api}."""

    def __init__(
        self,
        tasks: TaskFacade,
        now: Callable[[], float],
        clock: Any,
        keys: HostKeys,
        meters: HttpMeters,
    ) -> None:
        """
        @param now: the time, seconds since the epoch.
        @param clock: paces output.
        @param keys: of hosts.
        @param meters: count those who follow output.
        """
        self._parts = (
            TaskRoutes(tasks, now, clock, meters),
            BulkRoutes(tasks, now),
            PruneRoutes(tasks, now),
            ServiceRoutes(tasks, now, keys),
        )

    def routes(self) -> list[Route]:
        """All of them."""
        return [route for part in self._parts for route in part.routes()]
