"""Tasks: searched for, looked at, their output, and what can be done to one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from smartdyn.errors import TooManyViewers
from smartdyn.metrics.http import HttpMeters
from smartdyn.model.order import order
from smartdyn.model.query import parse
from smartdyn.model.states import UNFINISHED
from smartdyn.model.views import TaskPage
from smartdyn.store.json import encode
from smartdyn.streaming import answer
from smartdyn.web.arguments import argument, number, step_number
from smartdyn.web.console.explain import explain
from smartdyn.web.console.lines import Mark
from smartdyn.web.facade import TaskFacade
from smartdyn.web.management import records
from smartdyn.web.management.output import chunks, last_lines
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import send_json
from smartdyn.web.route import Route

_USUAL: Final = 50
_MOST: Final = 500
MOST_FOLLOWERS: Final = 200
"""Those who are told what comes, at one time."""

JSON_LINES: Final = "application/jsonl"


class TaskRoutes:
    """What is below C{/api/tasks}."""

    def __init__(self, tasks: TaskFacade, now: Callable[[], float], clock: Any, meters: HttpMeters) -> None:
        """
        @param now: the time, seconds since the epoch.
        @param clock: paces output.
        @param meters: count those who follow output.
        """
        self._followers = 0
        self._meters = meters
        self._tasks = tasks
        self._now = now
        self._clock = clock

    def routes(self) -> list[Route]:
        """All of them."""
        query = ("action", "after", "lines", "follow")
        return [
            Route(
                "GET", "/api/tasks", self.find, query=("q", "sort", "before", "limit"), answer=records.TaskPageAnswer
            ),
            Route("GET", "/api/tasks/<plan_id>", self.show, answer=records.TaskAnswer),
            Route("GET", "/api/tasks/<plan_id>/output", self.output, query=query, media=JSON_LINES),
            Route("POST", "/api/tasks/<plan_id>/cancel", self.cancel, answer=records.Done),
            Route("POST", "/api/tasks/<plan_id>/cancel/<step>", self.cancel_step, answer=records.Done),
            Route("POST", "/api/tasks/<plan_id>/force-cancel", self.force_cancel, answer=records.Done),
            Route("POST", "/api/tasks/<plan_id>/resume", self.resume, answer=records.Done),
            Route("POST", "/api/tasks/<plan_id>/halt", self.halt, answer=records.Done),
            Route("POST", "/api/tasks/<plan_id>/skip/<step>", self.skip, answer=records.Done),
            Route("POST", "/api/tasks/<plan_id>/resend", self.resend, answer=records.Resent),
        ]

    async def find(self, request: Any) -> bytes:
        """The tasks that a search finds, newest first if nothing else is asked for."""
        wanted = parse(argument(request, "q"), self._now())
        limit = min(max(number(request, "limit", _USUAL), 1), _MOST)
        found = await self._tasks.recent(
            wanted, order(argument(request, "sort")), before=argument(request, "before") or None, limit=limit
        )
        return send_json(request, records.TaskPageAnswer(found.tasks, found.older))

    async def show(self, request: Any, plan_id: str) -> bytes:
        """A task, and what happened to it or what it waits for."""
        return send_json(request, _task(await self._tasks.page(plan_id), self._now()))

    async def output(self, request: Any, plan_id: str) -> bytes:
        """Output, a line of JSON for each piece of it, also as it comes."""
        if self._followers >= MOST_FOLLOWERS:
            raise TooManyViewers
        reader, action = self._tasks.output, number(request, "action", 0) or None
        await reader.task(plan_id)
        wanted = number(request, "lines", 0)
        start = Mark(number(request, "after", 0))
        if wanted:
            start = await last_lines(reader, plan_id, action, wanted)
        follow = argument(request, "follow") not in {"", "0"}
        request.setHeader(b"content-type", JSON_LINES.encode())
        request.setHeader(b"x-accel-buffering", b"no")

        async def end() -> bytes:
            page = await self._tasks.page(plan_id)
            task = page.summary
            over = task.state not in UNFINISHED
            return encode(records.OutputEnd(over, task.state, task.result, page.exit_status)) + b"\n"

        stream = chunks(reader, self._clock, plan_id, action, start, follow=follow, end=end)
        self._followers += 1
        self._meters.viewers.inc()
        try:
            return await answer(request, stream)
        finally:
            self._followers -= 1
            self._meters.viewers.dec()

    async def cancel(self, request: Any, plan_id: str) -> bytes:
        """Ask a task to end."""
        told = await self._tasks.control.cancel(plan_id, actor_of(request, "api"))
        return send_json(request, records.Done(plan_id, told))

    async def cancel_step(self, request: Any, plan_id: str, step: str) -> bytes:
        """Ask one step of a task to end; the others go on."""
        await self._tasks.control.cancel_step(plan_id, step_number(step), actor_of(request, "api"))
        return send_json(request, records.Done(plan_id, [int(step)]))

    async def force_cancel(self, request: Any, plan_id: str) -> bytes:
        """End a task that does not heed to being asked."""
        told = await self._tasks.control.cancel(plan_id, actor_of(request, "api"), force=True)
        return send_json(request, records.Done(plan_id, told))

    async def resume(self, request: Any, plan_id: str) -> bytes:
        """Go on with a paused task."""
        await self._tasks.control.resume(plan_id, actor_of(request, "api"))
        return send_json(request, records.Done(plan_id))

    async def halt(self, request: Any, plan_id: str) -> bytes:
        """Stop a task as it is."""
        await self._tasks.control.halt(plan_id, actor_of(request, "api"))
        return send_json(request, records.Done(plan_id))

    async def skip(self, request: Any, plan_id: str, step: str) -> bytes:
        """Leave out a failed step when the task is resumed."""
        marked = await self._tasks.control.skip(plan_id, step_number(step), actor_of(request, "api"))
        return send_json(request, records.Done(plan_id, marked))

    async def resend(self, request: Any, plan_id: str) -> bytes:
        """Send results of a task to Foreman again that are not sent any more."""
        count = await self._tasks.control.resend(plan_id, actor_of(request, "api"))
        return send_json(request, records.Resent(count))


def _task(page: TaskPage, now: float) -> records.TaskAnswer:
    steps = [
        records.StepAnswer(
            id=step.id,
            action=step.action_class,
            phase=step.phase,
            state=step.state,
            queue=step.queue,
            started_at=step.started_at,
            ended_at=step.ended_at,
            real_time=step.real_time,
            execution_time=step.execution_time,
            error=step.error.message if step.error else None,
        )
        for step in page.steps
    ]
    return records.TaskAnswer(
        task=page.summary,
        explanation=str(explain(page, now)),
        cause=page.cause.key if page.cause else None,
        exit_status=page.exit_status,
        progress=page.progress,
        note=page.note,
        steps=steps,
        callbacks=page.callbacks,
        children=page.child_counts,
    )
