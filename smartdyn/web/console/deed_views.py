"""What is done to many tasks, or to a host: asked for first, with how many there are, then done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
            Route("POST", "/console/bulk", self.do, media="text/html"),
            Route("GET", "/console/forget-key", self.ask_to_forget, media="text/html", query=("name",)),
            Route("POST", "/console/forget-key", self.forget, media="text/html", statuses=(303,)),
        ]

    async def ask(self, request: Any) -> bytes:
        """Say to how many tasks it would be done."""
        words, what = argument(request, "q"), _what(request)
        wanted = parse(words, self._pages.now())
        outcome = await self._tasks.control.bulk(wanted, what, actor_of(request, "console"), dry_run=True)
        return self._pages.page(
            request, "bulk.html", words=words, what=what, meaning=_MEANINGS[what], outcome=outcome, asked=True
        )

    async def do(self, request: Any) -> bytes:
        """Do it, if these are still as many as was said."""
        words, what = argument(request, "q"), _what(request)
        outcome = await self._tasks.control.bulk(
            parse(words, self._pages.now()),
            what,
            actor_of(request, "console"),
            dry_run=False,
            expected=number(request, "expected", 0),
        )
        return self._pages.page(
            request, "bulk.html", words=words, what=what, meaning=_MEANINGS[what], outcome=outcome, asked=False
        )

    async def ask_to_forget(self, request: Any) -> bytes:
        """Say what forgetting the key of a host means."""
        return self._pages.page(request, "forget.html", host=argument(request, "name"))

    async def forget(self, request: Any) -> bytes:
        """Forget the key of a host."""
        name = argument(request, "name")
        if not name:
            raise InvalidRequest("Say of which host the key is to be forgotten.")

        async def work() -> None:
            self._forget_host(name)

        await self._tasks.control.recorded(
            actor_of(request, "console"), "forget host key", name, work, lambda _: "The next job learns its key anew."
        )
        return self._pages.go(request, "host", name=name)


def _what(request: Any) -> What:
    """
    @raise InvalidRequest: there is no such thing to be done.
    """
    what = argument(request, "what")
    if what not in POSSIBLE_IN:
        raise InvalidRequest(f"What can be done to many tasks is {', '.join(POSSIBLE_IN)}, not {what[:20]!r}.")
    return what
