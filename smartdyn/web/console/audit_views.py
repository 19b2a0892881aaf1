"""Who did what: the whole log, searched and a page at a time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from smartdyn.errors import InvalidRequest
from smartdyn.model.audit import AuditQuery
from smartdyn.model.query import point_in_time
from smartdyn.web.arguments import argument, number
from smartdyn.web.console.pages import Pages
from smartdyn.web.facade import TaskFacade
from smartdyn.web.route import Route

_PAGE_SIZE = 100
_FILTERS = ("who", "what", "about", "since", "until")


class AuditViews:
    """Shows the log."""

    def __init__(self, tasks: TaskFacade, pages: Pages) -> None:
        self._tasks = tasks
        self._pages = pages

    def routes(self) -> list[Route]:
        """The one."""
        query = (*_FILTERS, "before")
        return [Route("GET", "/console/audit", self.audit, media="text/html", query=query)]

    async def audit(self, request: Any) -> bytes:
        """The newest entries that are wanted."""
        given = {name: text for name in _FILTERS if (text := argument(request, name).strip())}
        wanted = AuditQuery(
            who=given.get("who", ""),
            what=given.get("what", ""),
            about=given.get("about"),
            since=self._point(given, "since"),
            until=self._point(given, "until"),
        )
        before = number(request, "before", 0) or None
        found = await self._tasks.control.ledger.find(wanted, before=before, limit=_PAGE_SIZE + 1)
        shown = found[:_PAGE_SIZE]
        older = f"?{urlencode({**given, 'before': shown[-1][0]})}" if len(found) > _PAGE_SIZE else ""
        return self._pages.page(
            request,
            "audit.html",
            entries=[entry for _, entry in shown],
            given=given,
            newest=f"?{urlencode(given)}" if given else "",
            older=older,
            first=before is None,
        )

    def _point(self, given: dict[str, str], name: str) -> float | None:
        """
        @raise InvalidRequest: it is no point in time.
        """
        if name not in given:
            return None
        try:
            return point_in_time(given[name], self._pages.now())
        except ValueError as error:
            raise InvalidRequest(f"`{name}` is not understood: {error}.") from None
