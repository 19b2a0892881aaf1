"""What is done to many tasks: asked for first, with how many there are, then done."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from smartdyn.actions.bulk import MOST_IN_BULK
from smartdyn.errors import InvalidRequest
from smartdyn.model.audit import POSSIBLE_IN, What
from smartdyn.model.query import parse
from smartdyn.web.arguments import argument, number
from smartdyn.web.console.pages import Pages
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

    def __init__(self, tasks: TaskFacade, pages: Pages) -> None:
        self._tasks = tasks
        self._pages = pages

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/console/bulk", self.ask, media="text/html", query=("q", "what")),
            Route("POST", "/console/bulk", self.do, media="text/html", statuses=(303,)),
            Route("GET", "/console/bulk/<key>", self.progress, media="text/html"),
            Route("GET", "/console/resend", self.ask_to_resend, media="text/html"),
            Route("POST", "/console/resend", self.resend, media="text/html", statuses=(303,)),
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
            states=POSSIBLE_IN[what],
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

    async def ask_to_resend(self, request: Any) -> bytes:
        """Say how many results Foreman would be sent again."""
        backlog = (await self._tasks.overview(self._pages.now())).callbacks
        return self._pages.page(request, "resend.html", backlog=backlog)

    async def resend(self, request: Any) -> bytes:
        """Send them."""
        await self._tasks.control.resend_all(actor_of(request, "console"))
        return self._pages.go(request)


def _what(request: Any) -> What:
    """
    @raise InvalidRequest: there is no such thing to be done.
    """
    what = argument(request, "what")
    if what not in POSSIBLE_IN:
        raise InvalidRequest(f"What can be done to many tasks is {', '.join(POSSIBLE_IN)}, not {what[:20]!r}.")
    return what
