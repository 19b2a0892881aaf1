"""The console's pages: rendered here, readable without scripts."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from twisted.web.iweb import IRequest

from smartdyn.errors import InvalidRequest, PlanNotFound
from smartdyn.model.query import parse
from smartdyn.model.states import PlanState
from smartdyn.web.authorization import Forbidden, Policy
from smartdyn.web.console import format as fmt
from smartdyn.web.console.explain import explain
from smartdyn.web.facade import TaskFacade
from smartdyn.web.peers import actor_of, peer_of
from smartdyn.web.requests import header, send
from smartdyn.web.route import Route

_HTML = b"text/html; charset=utf-8"
_SECURITY = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"x-frame-options", b"DENY"),
)
_STATIC = {"console.css": b"text/css; charset=utf-8"}
_STATES = tuple(state.value for state in PlanState)
_PAGE_SIZE = 50


class Console:
    """Shows tasks and lets them be cancelled."""

    def __init__(self, tasks: TaskFacade, policy: Policy, now: Any) -> None:
        """
        @param now: the time, seconds since the epoch.
        """
        self._tasks = tasks
        self._policy = policy
        self._now = now
        self._static = {name: files("smartdyn.web.console").joinpath("static", name).read_bytes() for name in _STATIC}
        self._templates = Environment(
            loader=PackageLoader("smartdyn.web.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            time=fmt.time, duration=fmt.duration, short=fmt.short, label=fmt.label, clock=fmt.clock
        )

    def routes(self) -> list[Route]:
        """All pages."""
        return [
            Route("GET", "/console", self.tasks, slash=True, media="text/html"),
            Route("GET", "/console/static/<name>", self.static, media="text/html"),
            Route("GET", "/console/<plan_id>", self.task, media="text/html"),
            Route("POST", "/console/<plan_id>/cancel", self.cancel, media="text/html", statuses=(303,)),
        ]

    async def tasks(self, request: Any) -> bytes:
        """The list of tasks, newest first."""
        await self._require(request)
        states = [_text(state) for state in request.args.get(b"state", [])]
        words = [_text(text) for text in request.args.get(b"q", [])]
        before = _text(request.args[b"before"][-1]) if b"before" in request.args else None
        try:
            wanted = parse(" ".join([*words, *(f"state:{state}" for state in states)]), self._now())
            found = await self._tasks.recent(wanted, before=before, limit=_PAGE_SIZE)
        except InvalidRequest as error:
            return self._error(request, 400, "This list cannot be shown", str(error))
        return self._page(request, "tasks.html", found=found, states=_STATES, chosen=states, first=before is None)

    async def task(self, request: Any, plan_id: str) -> bytes:
        """Everything about one task."""
        await self._require(request)
        try:
            page = await self._tasks.page(plan_id)
        except PlanNotFound:
            return self._unknown(request, plan_id)
        return self._page(request, "task.html", page=page, sentence=explain(page, self._now()))

    async def cancel(self, request: Any, plan_id: str) -> bytes:
        """Ask a task to end and show it again."""
        await self._require(request)
        _refuse_foreign(request)
        try:
            await self._tasks.control.cancel(plan_id, actor_of(request, "console"))
        except PlanNotFound:
            return self._unknown(request, plan_id)
        request.setHeader(b"location", f"../{plan_id}".encode())
        return send(request, b"", _HTML, 303)

    async def static(self, request: Any, name: str) -> bytes:
        """The style sheet."""
        if name not in _STATIC:
            return self._error(request, 404, "Not found", "There is no such file.")
        request.setHeader(b"cache-control", b"max-age=3600")
        return send(request, self._static[name], _STATIC[name])

    async def _require(self, request: IRequest) -> None:
        await self._policy.require_console(peer_of(request), request.path.decode("utf-8", "replace"))

    def _unknown(self, request: IRequest, plan_id: str) -> bytes:
        text = f"There is no task {plan_id}. It may have been cleaned up, or belong to another proxy."
        return self._error(request, 404, "Unknown task", text)

    def _error(self, request: IRequest, status: int, title: str, text: str) -> bytes:
        return self._page(request, "error.html", status, title=title, text=text)

    def _page(self, request: Any, name: str, status: int = 200, **values: Any) -> bytes:
        for key, value in _SECURITY:
            request.setHeader(key, value)
        base = _mount(request.path.decode("utf-8", "replace"))
        body = self._templates.get_template(name).render(base=base, now=self._now(), **values)
        return send(request, body.encode("utf-8", "replace"), _HTML, status)


def _mount(path: str) -> str:
    """Where the console was reached: links stay below it."""
    return "/dynflow/console" if path.startswith("/dynflow/") else "/console"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _refuse_foreign(request: IRequest) -> None:
    """Buttons work from our own pages only; another site cannot press them for its visitor.

    @raise Forbidden: the request comes from somewhere else.
    """
    site = header(request, "Sec-Fetch-Site")
    origin = header(request, "Origin")
    hosts = {header(request, "Host"), header(request, "X-Forwarded-For")}
    if site not in {None, "same-origin", "none"} or (origin and origin.partition("://")[2] not in hosts):
        raise Forbidden("This action must be started from the console itself.")
