"""How this service is doing, outside and inside."""

from __future__ import annotations

from typing import Any, Protocol

from smartdyn.model.internals import CoroutineView, HostConnectionView, Internals, Some, Timer, Trends
from smartdyn.model.states import UNFINISHED
from smartdyn.web.arguments import number
from smartdyn.web.console.chart import of_service
from smartdyn.web.console.pages import Pages
from smartdyn.web.facade import TaskFacade
from smartdyn.web.route import Route

_FIRST = 10
"""Of each kind of which there may be thousands, on the page of everything."""

_PAGE_SIZE = 100


class Inspector(Protocol):
    """Whoever can look inside; L{smartdyn.observing.internals.Inspector} does."""

    def look(self, most: int) -> Internals: ...

    def trends(self) -> Trends: ...

    def timers(self, start: int, most: int) -> Some[Timer]: ...

    def connections(self, start: int, most: int) -> Some[HostConnectionView]: ...

    def coroutines(self, start: int, most: int) -> Some[CoroutineView]: ...


class StatusViews:
    """Shows it."""

    def __init__(self, tasks: TaskFacade, pages: Pages, inspector: Inspector) -> None:
        self._tasks = tasks
        self._pages = pages
        self._inspector = inspector

    def routes(self) -> list[Route]:
        """The page of everything, and one for each kind of which there may be thousands."""
        path, query = "/console/status", ("from",)
        return [
            Route("GET", path, self.status, media="text/html"),
            Route("GET", f"{path}/connections", self.connections, media="text/html", query=query),
            Route("GET", f"{path}/coroutines", self.coroutines, media="text/html", query=query),
            Route("GET", f"{path}/timers", self.timers, media="text/html", query=query),
        ]

    async def status(self, request: Any) -> bytes:
        """How this service is doing."""
        overview = await self._tasks.overview(self._pages.now())
        counts = {state: await self._tasks.count([state]) for state in UNFINISHED}
        return self._pages.page(
            request,
            "status.html",
            overview=overview,
            charts=of_service(overview.throughput, self._inspector.trends()),
            counts=counts,
            inside=self._inspector.look(_FIRST),
        )

    async def connections(self, request: Any) -> bytes:
        """All connections to hosts."""
        return self._list(request, "connections", self._inspector.connections(*_range(request)))

    async def coroutines(self, request: Any) -> bytes:
        """All that works in the background."""
        return self._list(request, "coroutines", self._inspector.coroutines(*_range(request)))

    async def timers(self, request: Any) -> bytes:
        """All timers."""
        return self._list(request, "timers", self._inspector.timers(*_range(request)))

    def _list(self, request: Any, kind: str, some: Some[Any]) -> bytes:
        return self._pages.page(request, "inside.html", kind=kind, some=some)


def _range(request: Any) -> tuple[int, int]:
    return number(request, "from", 0), _PAGE_SIZE
