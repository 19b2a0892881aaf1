"""Lists of tasks: the home page, searches, and the page of a host."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from smartdyn.model.query import FAILED, TaskQuery, parse
from smartdyn.model.states import PlanState
from smartdyn.web.console.pages import Pages, argument
from smartdyn.web.facade import TaskFacade
from smartdyn.web.route import Route

_PAGE_SIZE = 50
_ON_HOME = 10
_DAY = 86400.0
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
        shown = self._pages.shown
        return [
            Route("GET", "/console", shown(self.home), slash=True, media="text/html"),
            Route("GET", "/console/tasks", shown(self.tasks), slash=True, media="text/html", query=("q", "before")),
            Route("GET", "/console/host/<name>", shown(self.host), media="text/html", query=("before",)),
            Route("GET", "/console/status", shown(self.status), media="text/html"),
        ]

    async def home(self, request: Any) -> bytes:
        """What needs somebody: failures first, then what waits, then what runs."""
        since = self._pages.now() - _DAY
        searches = {
            "Failed in the last 24 hours": TaskQuery(states=(FAILED,), since=since),
            "Waiting for a decision": TaskQuery(states=(PlanState.PAUSED.value,)),
            "Running": TaskQuery(states=(PlanState.RUNNING.value,)),
        }
        found = [
            (title, wanted, await self._tasks.recent(wanted, limit=_ON_HOME)) for title, wanted in searches.items()
        ]
        return self._pages.page(request, "home.html", found=found, counts=await self._counts())

    async def tasks(self, request: Any) -> bytes:
        """The tasks that a search finds, newest first."""
        words, before = argument(request, "q"), argument(request, "before")
        wanted = parse(words, self._pages.now())
        found = await self._tasks.recent(wanted, before=before or None, limit=_PAGE_SIZE)
        older = f"?{urlencode({'q': words, 'before': found.older})}" if found.older else ""
        return self._pages.page(
            request, "tasks.html", found=found, words=words, first=not before, older=older, saved=SAVED
        )

    async def host(self, request: Any, name: str) -> bytes:
        """What was done on a host."""
        before = argument(request, "before")
        found = await self._tasks.recent(TaskQuery(hosts=(name,)), before=before or None, limit=_PAGE_SIZE)
        older = f"?{urlencode({'before': found.older})}" if found.older else ""
        return self._pages.page(request, "host.html", host=name, found=found, first=not before, older=older)

    async def status(self, request: Any) -> bytes:
        """How this service is doing."""
        return self._pages.page(request, "status.html", counts=await self._counts())

    async def _counts(self) -> dict[str, int]:
        """How many tasks are in each state but the last, which most are in."""
        states = [state.value for state in PlanState if state is not PlanState.STOPPED]
        return {state: await self._tasks.count([state]) for state in states}
