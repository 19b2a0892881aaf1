"""The route on which Foreman has us forget a host's key, when the host is built anew (RXS before 0.11)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.iweb import IRequest

from smartdyn.actions.control import Control
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import HTML, send
from smartdyn.web.route import Route


class HostKeyApi:
    """C{/ssh/known_hosts}."""

    def __init__(self, control: Control, forget: Callable[[str], None]) -> None:
        self._control = control
        self._forget = forget

    def routes(self) -> list[Route]:
        """The one."""
        return [Route("DELETE", "/ssh/known_hosts/<name>", self.forget, statuses=(204,))]

    async def forget(self, request: IRequest, name: str) -> bytes:
        """Forget the keys of a host; that there were none is no error."""
        await self._control.forget_host_key(name, actor_of(request, "api"), self._forget)
        return send(request, b"", HTML, 204)
