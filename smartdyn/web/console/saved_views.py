"""Searches with a name: all of them, saving and deleting; and where one can go from anywhere."""

from __future__ import annotations

from typing import Any

from smartdyn.model.saved import BUILT_IN, MOST_SAVED
from smartdyn.web.arguments import argument
from smartdyn.web.console.pages import Pages
from smartdyn.web.facade import TaskFacade
from smartdyn.web.peers import actor_of
from smartdyn.web.route import Route

_PLACES = (
    ("Overview", "/"),
    ("Tasks", "/tasks"),
    ("Status", "/status"),
    ("Who did what", "/audit"),
    ("Saved searches", "/searches"),
    ("Keyboard and search", "/help"),
)
_MOST_HOSTS = 10


class SavedViews:
    """Pages about saved searches, and the one from which one can go anywhere."""

    def __init__(self, tasks: TaskFacade, pages: Pages) -> None:
        self._tasks = tasks
        self._pages = pages

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/console/go", self.anywhere, media="text/html", query=("to",)),
            Route("GET", "/console/searches", self.searches, media="text/html"),
            Route("POST", "/console/searches", self.save, media="text/html", statuses=(303,)),
            Route("POST", "/console/searches/delete", self.delete, media="text/html", statuses=(303,)),
        ]

    async def anywhere(self, request: Any) -> bytes:
        """Pages, searches and hosts with some words in their names."""
        words = argument(request, "to").strip()[:200]
        saved = {search.name: search.words for search in await self._tasks.saved.everything()}

        def fits(name: str) -> bool:
            return words.lower() in name.lower()

        return self._pages.page(
            request,
            "go.html",
            to=words,
            places=[place for place in _PLACES if fits(place[0])],
            searches={name: search for name, search in {**BUILT_IN, **saved}.items() if fits(f"{name} {search}")},
            hosts=await self._tasks.names_like("host", words, limit=_MOST_HOSTS) if words else [],
        )

    async def searches(self, request: Any) -> bytes:
        """All saved searches."""
        found = await self._tasks.saved.everything()
        return self._pages.page(request, "searches.html", searches=found, words=argument(request, "q"), most=MOST_SAVED)

    async def save(self, request: Any) -> bytes:
        """Keep a search under a name, and show what it finds."""
        words = argument(request, "q").strip()
        await self._tasks.saved.save(argument(request, "name"), words, actor_of(request, "console"))
        return self._pages.go(request, "tasks", q=words)

    async def delete(self, request: Any) -> bytes:
        """Forget a search."""
        await self._tasks.saved.delete(argument(request, "name"), actor_of(request, "console"))
        return self._pages.go(request, "searches")
