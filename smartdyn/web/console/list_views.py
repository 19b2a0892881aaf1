"""Lists of tasks: the home page, searches, and batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from smartdyn.errors import SearchNotUnderstood
from smartdyn.model.overview import FailureGroup
from smartdyn.model.query import FAILED, TaskQuery, parse
from smartdyn.model.saved import BUILT_IN
from smartdyn.model.views import ListedTask, TaskSummary
from smartdyn.store.walks import MOST_WITH_TEXT
from smartdyn.web.console.chart import of_service
from smartdyn.web.console.list_address import SIZES, asked
from smartdyn.web.console.pages import Pages
from smartdyn.web.console.status_views import Inspector
from smartdyn.web.facade import TaskFacade
from smartdyn.web.route import Route

_ON_HOME = 10
_DAY = 86400.0
_MOST_CAUSES = 20
"""Causes that one search takes."""


class ListViews:
    """Shows many tasks at once."""

    def __init__(self, tasks: TaskFacade, pages: Pages, inspector: Inspector) -> None:
        self._tasks = tasks
        self._pages = pages
        self._inspector = inspector

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/console", self.home, slash=True, media="text/html"),
            Route(
                "GET",
                "/console/tasks",
                self.tasks,
                slash=True,
                media="text/html",
                query=("q", "sort", "per_page", "before", "open"),
            ),
            Route("GET", "/console/batches/<plan_id>", self.batch, media="text/html"),
        ]

    async def home(self, request: Any) -> bytes:
        """What needs somebody: failures by cause, what is stuck, then how the service is doing."""
        now = self._pages.now()
        overview = await self._tasks.overview(now)
        return self._pages.page(
            request,
            "home.html",
            overview=overview,
            failed=sum(group.count for group in overview.failures),
            all_failed=_all_of(overview.failures),
            charts=of_service(overview.throughput, self._inspector.trends()),
            recent=await self._tasks.recent(TaskQuery(states=(FAILED,), since=now - _DAY), limit=_ON_HOME),
        )

    async def tasks(self, request: Any) -> bytes:
        """The tasks that a search finds, below those that launched them."""
        address = asked(request)
        words = address.words
        try:
            wanted = parse(words, self._pages.now())
        except SearchNotUnderstood as error:
            return self._pages.page(request, "bad_search.html", 400, words=words, error=error)
        found = await self._tasks.recent(
            address.search(wanted), address.order, before=address.before or None, limit=address.size
        )
        rows = await self._tasks.nested(found.tasks, address.opened) if address.is_nested else _flat(found.tasks)
        hits = await self._tasks.lines_with(found.tasks, wanted.texts[0]) if wanted.texts else []
        return self._pages.page(
            request,
            "tasks.html",
            address=address,
            rows=rows,
            older=found.older,
            sizes=SIZES,
            hits={hit.task.id: hit.line for hit in hits},
            most_with_text=MOST_WITH_TEXT if wanted.texts else 0,
            saved={**BUILT_IN, **{search.name: search.words for search in await self._tasks.saved.everything()}},
        )

    async def batch(self, request: Any, plan_id: str) -> bytes:
        """How far the tasks are that one launched, and why some failed."""
        return self._pages.page(request, "batch.html", batch=await self._tasks.batch(plan_id))


def _all_of(groups: tuple[FailureGroup, ...]) -> str:
    """The search that finds what was counted in groups, no more and no less; none when that would be too long."""
    if len(groups) > _MOST_CAUSES:
        return ""
    wanted = [f"cause:{group.cause.key}" for group in groups] or [f"state:{FAILED}"]
    return " ".join([*wanted, "ended:24h"])


def _flat(tasks: Iterable[TaskSummary]) -> tuple[ListedTask, ...]:
    return tuple(ListedTask(task) for task in tasks)
