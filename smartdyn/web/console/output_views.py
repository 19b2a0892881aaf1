"""The output of a task: as a page, as it comes, searched, and as a file."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from smartdyn.errors import InvalidRequest
from smartdyn.metrics.http import HttpMeters
from smartdyn.model.views import TaskSummary
from smartdyn.store.json import encode
from smartdyn.streaming import answer
from smartdyn.web.arguments import argument, number
from smartdyn.web.console.explain import explain
from smartdyn.web.console.line_index import LineIndexes
from smartdyn.web.console.lines import START, Line, LineReader, Mark, parse_mark
from smartdyn.web.console.live import events
from smartdyn.web.console.log_html import BLOCK, WRAPPED, blocks
from smartdyn.web.console.output_window import ANY, Window, bounds, window
from smartdyn.web.console.pages import HTML, Pages, mount, secure
from smartdyn.web.console.search import Search, compiled
from smartdyn.web.facade import TaskFacade
from smartdyn.web.requests import header, send
from smartdyn.web.route import Route

_MOST_STREAMS = 200
"""Viewers that are told what comes, at one time."""

_SEARCHED_AT_ONCE = 1.0
"""Seconds after which a page shows what was found so far; its link goes on there."""

_FILES = {"txt": b"text/plain; charset=utf-8", "ansi": b"text/plain; charset=utf-8", "json": b"application/json"}


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of an output.

    @param rest: a last line that has begun and may go on.
    @param mark: the place behind the last complete line.
    """

    lines: list[Line]
    rest: Line | None
    mark: Mark


class OutputViews:
    """Shows output."""

    def __init__(self, tasks: TaskFacade, pages: Pages, clock: Any, meters: HttpMeters) -> None:
        """
        @param clock: paces live output.
        """
        self._meters = meters
        self._tasks = tasks
        self._reader = tasks.output
        self._lines_of = LineIndexes(tasks.output)
        self._pages = pages
        self._clock = clock
        self._streams = 0

    def routes(self) -> list[Route]:
        """All of them."""
        query = ("action", "from", "to", "lines", "q", "context", "times", "after", "at", "go")
        return [
            Route("GET", "/console/<plan_id>/output", self.output, media="text/html", query=query, statuses=(200, 303)),
            Route("GET", "/console/<plan_id>/output.<form>", self.file, media="text/plain", query=query[:3]),
        ]

    async def output(self, request: Any, plan_id: str) -> bytes:
        """Output as a page, or as a stream of events for whoever asks for that."""
        if "text/event-stream" in (header(request, "Accept") or ""):
            return await self._live(request, plan_id)
        task = await self._reader.task(plan_id)
        actions = await self._reader.actions(plan_id)
        wanted = _action(request) or next(iter(actions), None)
        pattern = argument(request, "q")
        if pattern and wanted is not None:
            return await self._search(request, task, actions, wanted, pattern)
        shown = window(request, 0 if wanted is None else await self._lines_of.total(plan_id, wanted))
        if argument(request, "go"):
            return _go(request, plan_id, shown)
        return await self._log(request, task, actions, wanted, shown)

    async def file(self, request: Any, plan_id: str, form: str) -> bytes:
        """Output as a file: what a reader sees, what the host sent, or with all that is known of each line."""
        if form not in _FILES:
            raise InvalidRequest(f"Output can be had as {', '.join(_FILES)}, not as {form[:20]!r}.")
        await self._reader.task(plan_id)
        action = _action(request) or next(iter(await self._reader.actions(plan_id)), None)
        first, last = bounds(request)
        mark = await self._mark(plan_id, action, first)
        name = re.sub(r"[^A-Za-z0-9-]", "", plan_id)[:40]
        secure(request)
        request.setHeader(b"content-type", _FILES[form])
        request.setHeader(b"content-disposition", f'attachment; filename="{name}.{form}"'.encode())
        return await answer(request, _as_file(self._lines(plan_id, action, mark, last), form))

    async def tail(self, plan_id: str, wanted: int) -> Tail:
        """The last lines of a task's output."""
        action = next(iter(await self._reader.actions(plan_id)), None)
        if action is None:
            return Tail([], None, START)
        total = await self._lines_of.total(plan_id, action)
        reader = LineReader(await self._mark(plan_id, action, max(1, total - wanted + 1)))
        lines = [line async for some, _ in self._read(reader, plan_id, action) for line in some]
        return Tail(lines, reader.rest(), reader.mark)

    async def _live(self, request: Any, plan_id: str) -> bytes:
        mark = parse_mark(header(request, "Last-Event-ID") or argument(request, "after", str(START)))
        await self._reader.task(plan_id)
        if self._streams >= _MOST_STREAMS:
            request.setHeader(b"retry-after", b"10")
            return self._pages.error(request, 503, "Too many viewers", "Reload the page to see more output.")
        secure(request)
        request.setHeader(b"content-type", b"text/event-stream")
        request.setHeader(b"x-accel-buffering", b"no")
        times = bool(argument(request, "times"))
        self._streams += 1
        self._meters.viewers.inc()
        try:
            ending = partial(self._ending, request, plan_id)
            stream = events(self._reader, self._clock, plan_id, _action(request), mark, ending, times=times)
            return await answer(request, stream)
        finally:
            self._streams -= 1
            self._meters.viewers.dec()

    async def _ending(self, request: Any, plan_id: str, total: int) -> str:
        """What the end of a task changes on a page that is open: all that says that it is running."""
        page = await self._tasks.page(plan_id)
        # the page of an output says where it begins; that of a task finds out by itself what has become of it
        shown = window(request, total) if argument(request, "from") else None
        what = explain(page, self._pages.now()).what
        return self._pages.render(request, "output_over.html", task=page.summary, what=what, window=shown)

    async def _search(self, request: Any, task: TaskSummary, actions: list[int], action_id: int, pattern: str) -> bytes:
        context = number(request, "context", 2)
        mark = parse_mark(argument(request, "at", str(START)))
        search = Search(compiled(pattern), context, mark)
        until = self._clock.seconds() + _SEARCHED_AT_ONCE
        while not search.is_over and (self._clock.seconds() < until or not search.has_moved):
            await self._reader.whole(task.id, action_id, search.read, search.position)
        found = search.found()
        return self._pages.page(
            request,
            "output_search.html",
            task=task,
            actions=actions,
            chosen=_action(request),
            times=bool(argument(request, "times")),
            keep=_kept(request),
            found=found,
            pattern=pattern,
            context=context,
            groups=[(group[0].number, group[-1].number, "".join(_group(group, found.hits))) for group in found.groups],
        )

    async def _log(
        self, request: Any, task: TaskSummary, actions: list[int], action: int | None, window: Window
    ) -> bytes:
        """The page, sent while it is made: an output may be long."""
        times, marked = bool(argument(request, "times")), window.marked
        mark = await self._mark(task.id, action, window.first)
        place = secrets.token_hex(16)
        values = {"task": task, "actions": actions, "window": window, "times": times}
        values["unwrapped"] = None if window.shown <= WRAPPED else window.first + WRAPPED
        values |= {"chosen": _action(request), "keep": _kept(request)}
        head, _, foot = self._pages.render(
            request, "output.html", place=place, pattern="", context=2, **values
        ).partition(place)
        secure(request)
        request.setHeader(b"content-type", HTML)

        async def pieces() -> AsyncIterator[bytes]:
            yield head.encode("utf-8", "replace")
            reader = LineReader(mark)
            ended = False
            rich = WRAPPED
            async for lines, over in self._read(reader, task.id, action, window.last):
                ended = over
                for part, light in ((lines[: max(0, rich)], False), (lines[max(0, rich) :], True)):
                    yield "".join(blocks(part, times=times, marked=marked, light=light)).encode("utf-8", "replace")
                rich -= len(lines)
            end = self._pages.render(
                request,
                "output_end.html",
                live=not ended and window.last > window.total,
                mark=str(reader.mark),
                rest="".join(blocks([rest], times=times)) if (rest := reader.rest()) else "",
                **values,
            )
            yield (end + foot).encode("utf-8", "replace")

        return await answer(request, pieces())

    async def _mark(self, plan_id: str, action_id: int | None, first: int) -> Mark:
        if first <= 1 or action_id is None:
            return START
        return await self._lines_of.mark(plan_id, action_id, first)

    async def _lines(self, plan_id: str, action_id: int | None, mark: Mark, last: int) -> AsyncIterator[Line]:
        reader = LineReader(mark)
        async for lines, _ in self._read(reader, plan_id, action_id, last):
            for line in lines:
                yield line
        for line in reader.finish():
            if line.number <= last:
                yield line

    async def _read(
        self, reader: LineReader, plan_id: str, action_id: int | None, last: int = ANY
    ) -> AsyncIterator[tuple[list[Line], bool]]:
        """What there is already, piece by piece, and whether the task is over."""
        more = True
        while more:
            piece = await self._reader.piece(plan_id, action_id, reader.position)
            lines = list(reader.feed(piece.chunks))
            more = piece.more and not (lines and lines[-1].number >= last)
            over = piece.over and not piece.more
            if over:
                lines += reader.finish()
            yield [line for line in lines if line.number <= last], over


def _action(request: Any) -> int | None:
    return number(request, "action", 0) or None


def _kept(request: Any) -> str:
    """The part of a link that keeps what was chosen."""
    action = _action(request)
    return (f"&action={action}" if action else "") + ("&times=1" if argument(request, "times") else "")


def _go(request: Any, plan_id: str, window: Window) -> bytes:
    """Send the browser to lines: a form by itself leads to the top of a page only."""
    action = _action(request)
    query = {"lines": window.lines or argument(request, "go")} | ({"action": str(action)} if action else {})
    query |= {"times": "1"} if argument(request, "times") else {}
    location = f"{mount(request)}/{quote(plan_id, safe='')}/output?{urlencode(query)}" + (
        f"#{window.fragment}" if window.marked else ""
    )
    secure(request)
    request.setHeader(b"location", location.encode("ascii"))
    return send(request, b"", HTML, 303)


def _group(lines: tuple[Line, ...], hits: frozenset[int]) -> Iterator[str]:
    for line in lines:
        yield from blocks([line], marked=range(line.number, line.number + 1) if line.number in hits else range(0))


async def _as_file(lines: AsyncIterator[Line], form: str) -> AsyncIterator[bytes]:
    """A file, a few hundred lines at a time."""
    before, between, end = (b"[", b",\n", b"]\n") if form == "json" else (b"", b"", b"")
    waiting: list[bytes] = []
    async for line in lines:
        waiting.append(_in_file(line, form))
        if len(waiting) >= BLOCK:
            yield before + between.join(waiting)
            before = between
            waiting.clear()
    if waiting:
        yield before + between.join(waiting)
    elif before != between:
        yield before
    if end:
        yield end


def _in_file(line: Line, form: str) -> bytes:
    if form == "json":
        return encode({"number": line.number, "type": line.type, "timestamp": line.at, "text": line.raw})
    return f"{line.text if form == 'txt' else line.raw}\n".encode("utf-8", "replace")
