"""The route on which Foreman has us forget a host's key, when the host is built anew (RXS before 0.11)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.iweb import IRequest

from smartdyn.web.requests import HTML, send
from smartdyn.web.route import Route


class HostKeyApi:
    """C{/ssh/known_hosts}."""

    def __init__(self, forget: Callable[[str], None]) -> None:
        self._forget = forget

    def routes(self) -> list[Route]:
        """The one."""
        return [Route("DELETE", "/ssh/known_hosts/<name>", self.forget, statuses=(204,))]

    async def forget(self, request: IRequest, name: str) -> bytes:
        """Forget the keys of a host; that there were none is no error."""
        self._forget(name)
        return send(request, b"", HTML, 204)
