"""The console: pages rendered here, readable and usable without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smartdyn.metrics.http import HttpMeters
from smartdyn.web.arguments import argument
from smartdyn.web.console.audit_views import AuditViews
from smartdyn.web.console.completion_views import CompletionViews
from smartdyn.web.console.deed_views import DeedViews
from smartdyn.web.console.host_views import HostViews
from smartdyn.web.console.list_views import ListViews
from smartdyn.web.console.output_views import OutputViews
from smartdyn.web.console.pages import THEMES, Pages, mount, secure
from smartdyn.web.console.saved_views import SavedViews
from smartdyn.web.console.status_views import Inspector, StatusViews
from smartdyn.web.console.task_views import TaskViews
from smartdyn.web.facade import HostKeys, TaskFacade
from smartdyn.web.requests import send
from smartdyn.web.route import Route
from smartdyn.web.way import Way

_YEAR = 365 * 86400


class Console:
    """Shows tasks and lets them be changed."""

    def __init__(
        self,
        tasks: TaskFacade,
        now: Callable[[], float],
        clock: Any,
        keys: HostKeys,
        inspector: Inspector,
        meters: HttpMeters,
        way: Way,
    ) -> None:
        """
        @param now: the time, seconds since the epoch.
        @param clock: paces what is sent as it comes.
        @param keys: of hosts.
        @param inspector: looks inside the service.
        @param way: how commands on this machine reach the service.
        """
        self._pages = Pages(now)
        output = OutputViews(tasks, self._pages, clock, meters)
        self._views = (
            ListViews(tasks, self._pages, inspector),
            StatusViews(tasks, self._pages, inspector),
            AuditViews(tasks, self._pages),
            DeedViews(tasks, self._pages),
            HostViews(tasks, self._pages, keys),
            SavedViews(tasks, self._pages),
            CompletionViews(tasks, self._pages),
            output,
            TaskViews(tasks, self._pages, output, way),
        )

    def routes(self) -> list[Route]:
        """All pages."""
        own = (
            Route("GET", "/console/static/<name>", self.static, media="text/css"),
            Route("GET", "/console/help", self.help, media="text/html"),
            Route("POST", "/console/theme", self.theme, media="text/html", statuses=(303,)),
        )
        return self._pages.served([*own, *(route for views in self._views for route in views.routes())])

    async def static(self, request: Any, name: str) -> bytes:
        """A file that pages load."""
        body = self._pages.assets.serve(request, name)
        if body is None:
            return self._pages.error(request, 404, "Not found", "There is no such file.")
        return body

    async def help(self, request: Any) -> bytes:
        """How to search, and the keys."""
        return self._pages.page(request, "help.html")

    async def theme(self, request: Any) -> bytes:
        """Choose light or dark, or leave that to the system."""
        chosen, back = argument(request, "theme"), argument(request, "back")
        base = mount(request)
        secure(request)
        request.addCookie(
            b"smartdyn_theme",
            chosen.encode() if chosen in THEMES else b"",
            path=base.encode(),
            max_age=b"%d" % (_YEAR if chosen in THEMES else 0),
            httpOnly=True,
            sameSite=b"strict",
        )
        # only to our own pages: the rest of the form's text is no address to send anybody to
        own = back.isascii() and back.isprintable() and back.startswith((f"{base}/", f"{base}?"))
        request.setHeader(b"location", (back if own else f"{base}/").encode())
        return send(request, b"", b"text/html; charset=utf-8", 303)
