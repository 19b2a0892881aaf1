"""The page of a host: its jobs, why they failed, its keys, and how these are forgotten."""

from __future__ import annotations

from typing import Any

from smartdyn.errors import InvalidRequest
from smartdyn.web.arguments import argument
from smartdyn.web.console.pages import Pages
from smartdyn.web.facade import HostKeys, TaskFacade
from smartdyn.web.peers import actor_of
from smartdyn.web.route import Route


class HostViews:
    """Shows a host."""

    def __init__(self, tasks: TaskFacade, pages: Pages, keys: HostKeys) -> None:
        self._tasks = tasks
        self._pages = pages
        self._keys = keys

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/console/host", self.host, media="text/html", query=("name",)),
            Route("GET", "/console/forget-key", self.ask_to_forget, media="text/html", query=("name",)),
            Route("POST", "/console/forget-key", self.forget, media="text/html", statuses=(303,)),
        ]

    async def host(self, request: Any) -> bytes:
        """What was done on a host, why it failed, and by which keys it is known."""
        name = _name(request)
        return self._pages.page(request, "host.html", host=await self._tasks.host(name), keys=self._keys.of(name))

    async def ask_to_forget(self, request: Any) -> bytes:
        """Say what forgetting the key of a host means."""
        name = _name(request)
        return self._pages.page(request, "forget.html", host=name, keys=self._keys.of(name))

    async def forget(self, request: Any) -> bytes:
        """Forget the key of a host."""
        name = _name(request)
        await self._tasks.control.forget_host_key(name, actor_of(request, "console"), self._keys.forget)
        return self._pages.go(request, "host", name=name)


def _name(request: Any) -> str:
    """
    @raise InvalidRequest: it has none.
    """
    name = argument(request, "name").strip()
    if not name:
        raise InvalidRequest("Say which host: the address of its page ends with `?name=` and its name.")
    return name
