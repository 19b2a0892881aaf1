"""Lists of tasks: the home page, searches, and the page of a host."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from smartdyn.model.causes import CANCELLED
from smartdyn.model.query import FAILED, TaskQuery, parse
from smartdyn.model.states import PlanState
from smartdyn.web.console.chart import columns
from smartdyn.web.console.pages import Pages, argument, number
from smartdyn.web.facade import TaskFacade
from smartdyn.web.route import Route

_PAGE_SIZE = 50
_ON_HOME = 10
_DAY = 86400.0
_AUDITED = 100
SAVED = {
    "All": "",
    "Failed today": "state:failed since:24h",
    "Running": "state:running",
    "Waiting for a decision": "state:paused",
    "Scheduled": "state:scheduled",
    "Cancelled": "result:cancelled",
    "Scripts": "label:RunScript",
}
"""Searches that are a click away."""


class ListViews:
    """Shows many tasks at once."""

    def __init__(self, tasks: TaskFacade, pages: Pages) -> None:
        self._tasks = tasks
        self._pages = pages

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/console", self.home, slash=True, media="text/html"),
            Route("GET", "/console/tasks", self.tasks, slash=True, media="text/html", query=("q", "before")),
            Route("GET", "/console/host", self.host, media="text/html", query=("name",)),
            Route("GET", "/console/audit", self.audit, media="text/html", query=("before",)),
            Route("GET", "/console/status", self.status, media="text/html"),
        ]

    async def home(self, request: Any) -> bytes:
        """What needs somebody: failures by cause, what is stuck, then how the service is doing."""
        now = self._pages.now()
        overview = await self._tasks.overview(now)
        failures = [group for group in overview.failures if group.cause != CANCELLED]
        return self._pages.page(
            request,
            "home.html",
            overview=overview,
            failures_of_day=failures,
            failed=sum(group.count for group in failures),
            cancelled=sum(group.count for group in overview.failures if group.cause == CANCELLED),
            chart=columns(overview.throughput),
            recent=await self._tasks.recent(TaskQuery(states=(FAILED,), since=now - _DAY), limit=_ON_HOME),
        )

    async def tasks(self, request: Any) -> bytes:
        """The tasks that a search finds, newest first."""
        words, before = argument(request, "q"), argument(request, "before")
        wanted = parse(words, self._pages.now())
        found = await self._tasks.recent(wanted, before=before or None, limit=_PAGE_SIZE)
        older = f"?{urlencode({'q': words, 'before': found.older})}" if found.older else ""
        hits = await self._tasks.search_output(wanted) if wanted.texts else []
        return self._pages.page(
            request,
            "tasks.html",
            found=found,
            hits={hit.task.id: hit.line for hit in hits},
            words=words,
            first=not before,
            older=older,
            saved=SAVED,
        )

    async def host(self, request: Any) -> bytes:
        """What was done on a host, and why it failed."""
        return self._pages.page(request, "host.html", host=await self._tasks.host(argument(request, "name")))

    async def status(self, request: Any) -> bytes:
        """How this service is doing."""
        overview = await self._tasks.overview(self._pages.now())
        states = [state.value for state in PlanState if state is not PlanState.STOPPED]
        counts = {state: await self._tasks.count([state]) for state in states}
        return self._pages.page(
            request, "status.html", overview=overview, chart=columns(overview.throughput), counts=counts
        )

    async def audit(self, request: Any) -> bytes:
        """Who did what."""
        before = number(request, "before", 0) or None
        entries = await self._tasks.control.audit(before=before, limit=_AUDITED)
        older = entries[-1][0] if len(entries) == _AUDITED else None
        return self._pages.page(request, "audit.html", entries=entries, older=older, first=before is None)
