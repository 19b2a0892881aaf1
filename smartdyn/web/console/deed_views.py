"""What is done to many tasks, or to a host: asked for first, with how many there are, then done."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from smartdyn.actions.bulk import MOST_IN_BULK
from smartdyn.errors import InvalidRequest
from smartdyn.model.audit import POSSIBLE_IN, What
from smartdyn.model.query import parse
from smartdyn.web.console.pages import Pages, argument, number
from smartdyn.web.facade import TaskFacade
from smartdyn.web.peers import actor_of
from smartdyn.web.route import Route

_MEANINGS: dict[What, str] = {
    "cancel": "They are asked to end; scripts on hosts are stopped.",
    "resume": "Their failed steps are tried again.",
    "skip": "Their failed steps will be left out when they are resumed.",
}

_MOMENT = 0.001
"""What was created just now is meant too."""


class DeedViews:
    """Pages that ask, and the buttons on them."""

    def __init__(self, tasks: TaskFacade, pages: Pages, forget_host: Callable[[str], None]) -> None:
        self._tasks = tasks
        self._pages = pages
        self._forget_host = forget_host

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/console/bulk", self.ask, media="text/html", query=("q", "what")),
            Route("POST", "/console/bulk", self.do, media="text/html", statuses=(303,)),
            Route("GET", "/console/bulk/<key>", self.progress, media="text/html"),
            Route("GET", "/console/forget-key", self.ask_to_forget, media="text/html", query=("name",)),
            Route("POST", "/console/forget-key", self.forget, media="text/html", statuses=(303,)),
        ]

    async def ask(self, request: Any) -> bytes:
        """Say to how many tasks it would be done."""
        words, what, now = argument(request, "q"), _what(request), self._pages.now()
        wanted = parse(words, now)
        exact = replace(wanted, until=min(wanted.until or math.inf, now + _MOMENT))
        matched = await self._tasks.control.bulk.count(exact, what)
        return self._pages.page(
            request,
            "bulk.html",
            words=words,
            exact=str(exact),
            what=what,
            meaning=_MEANINGS[what],
            matched=matched,
            most=MOST_IN_BULK,
        )

    async def do(self, request: Any) -> bytes:
        """Begin to do it, if these are no more than was said."""
        wanted, what = parse(argument(request, "q"), self._pages.now()), _what(request)
        by, expected = actor_of(request, "console"), number(request, "expected", 0)
        key = await self._tasks.control.bulk.start(wanted, what, by, expected=expected)
        return self._pages.go(request, "bulk", key)

    async def progress(self, request: Any, key: str) -> bytes:
        """How far it has come."""
        found = await self._tasks.control.bulk.progress(key)
        if found is None:
            return self._pages.error(request, 404, "Not found", "Nothing like that was done, or it was long ago.")
        progress, goes_on = found
        return self._pages.page(request, "bulk_progress.html", progress=progress, goes_on=goes_on)

    async def ask_to_forget(self, request: Any) -> bytes:
        """Say what forgetting the key of a host means."""
        return self._pages.page(request, "forget.html", host=argument(request, "name"))

    async def forget(self, request: Any) -> bytes:
        """Forget the key of a host."""
        name = argument(request, "name")
        if not name:
            raise InvalidRequest("Say of which host the key is to be forgotten.")
        by = actor_of(request, "console")
        await self._tasks.control.forget_host_key(name, by, self._forget_host)
        return self._pages.go(request, "host", name=name)


def _what(request: Any) -> What:
    """
    @raise InvalidRequest: there is no such thing to be done.
    """
    what = argument(request, "what")
    if what not in POSSIBLE_IN:
        raise InvalidRequest(f"What can be done to many tasks is {', '.join(POSSIBLE_IN)}, not {what[:20]!r}.")
    return what
