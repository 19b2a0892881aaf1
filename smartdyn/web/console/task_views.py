"""The page of a task, and its buttons."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from smartdyn.actions.control import Control
from smartdyn.errors import InvalidRequest, NothingToSend, NotPossibleNow
from smartdyn.model import flows
from smartdyn.model.audit import Actor, AuditQuery
from smartdyn.model.states import PlanResult, PlanState
from smartdyn.model.views import TaskPage
from smartdyn.web.access import may, require
from smartdyn.web.arguments import number, step_number
from smartdyn.web.console.commands import Commands
from smartdyn.web.console.deeds import DEEDS, STEP_DEEDS, possible, possible_to_step, route, target, title, why_not
from smartdyn.web.console.explain import explain
from smartdyn.web.console.flow_graph import draw, nested
from smartdyn.web.console.log_html import blocks
from smartdyn.web.console.output_views import OutputViews
from smartdyn.web.console.pages import Pages
from smartdyn.web.console.plan_tree import plan_tree
from smartdyn.web.console.timeline import SCALE, bars, so_far
from smartdyn.web.facade import TaskFacade
from smartdyn.web.peers import actor_of
from smartdyn.web.requests import base_url
from smartdyn.web.route import Route
from smartdyn.web.way import Way

_OUTPUT_LINES = 30
_MOST_AUDITED = 20
_SHORT_TREE = 30
"""Actions of a tree that stands open."""

_SHORT_GRAPH = 200
"""Steps of a picture that can be looked at; longer flows are shown as boxes only."""

_MOST_STEPS = 5
"""Steps of which the commands are shown, that do the same to each of them."""


class TaskViews:
    """Shows a task and lets it be changed."""

    def __init__(self, tasks: TaskFacade, pages: Pages, output: OutputViews, way: Way) -> None:
        """
        @param way: how commands reach the service.
        """
        self._tasks = tasks
        self._pages = pages
        self._output = output
        self._way = way

    def routes(self) -> list[Route]:
        """All of them."""
        page = partial(Route, media="text/html")
        return [
            page("GET", "/console/<plan_id>", self.task),
            page("GET", "/console/<plan_id>/confirm/<deed>", self.confirm, query=("step",)),
            *(
                page("POST", f"/console/<plan_id>/{deed}", handler, statuses=(303,))
                for deed, handler in (
                    ("cancel", self.cancel),
                    ("force-cancel", self.force_cancel),
                    ("resume", self.resume),
                    ("halt", self.halt),
                    ("resend", self.resend),
                )
            ),
            page("POST", "/console/<plan_id>/cancel/<step>", self.cancel_step, statuses=(303,)),
            page("POST", "/console/<plan_id>/skip/<step>", self.skip, statuses=(303,)),
        ]

    async def task(self, request: Any, plan_id: str) -> bytes:
        """Everything about one task."""
        found, now = await self._tasks.page(plan_id), self._pages.now()
        page = replace(found, steps=tuple(so_far(step, now) for step in found.steps))
        steps = {step.id: step for step in page.steps}
        phases = {
            name: nested(flows.decode(page.status[key]), steps)
            for name, key in (("Run", "run_flow"), ("Finalize", "finalize_flow"))
        }
        deeds = [deed for deed in possible(page) if may(request, route(deed))]
        step_deeds = {
            step.id: {
                deed: title(deed, step.id) for deed in possible_to_step(page, step) if may(request, route(deed, 1))
            }
            for step in page.steps
        }
        commands = Commands(self._way, base_url(request), plan_id)
        tail = await self._output.tail(plan_id, _OUTPUT_LINES)
        rest = "".join(blocks([tail.rest])) if tail.rest else ""
        live = page.summary.state == PlanState.RUNNING
        pictures = {name: draw(node) for name, node in phases.items() if len(steps) <= _SHORT_GRAPH}
        return self._pages.page(
            request,
            "task.html",
            page=page,
            explained=explain(page, now),
            kind=_kind(page),
            deeds={deed: title(deed) for deed in deeds},
            step_deeds=step_deeds,
            commands=commands.all([*((deed, 0) for deed in deeds), *_some(step_deeds)]),
            raw=commands.raw(),
            whose=commands.whose,
            actions={action["id"]: action for action in page.status["actions"]},
            planned=plan_tree(page.steps, page.status["actions"]),
            short_tree=_SHORT_TREE,
            phases={name: node for name, node in phases.items() if node.parts or node.step},
            most_drawn=_SHORT_GRAPH,
            pictures={name: picture for name, picture in pictures.items() if picture.boxes},
            bars=bars(page.steps, now),
            scale=SCALE,
            audit=await self._tasks.control.ledger.find(AuditQuery(about=plan_id), limit=_MOST_AUDITED),
            last_lines="".join(blocks(tail.lines)) + ("" if live else rest),
            live=live,
            mark=str(tail.mark),
            rest=rest,
        )

    async def confirm(self, request: Any, plan_id: str, deed: str) -> bytes:
        """Ask whether somebody really wants it."""
        step = number(request, "step", 0)
        deeds = STEP_DEEDS if step else DEEDS
        if deed not in deeds:
            raise InvalidRequest(f"A {'step' if step else 'task'} can be changed by {', '.join(deeds)}.")
        require(request, route(deed, step))
        page = await self._tasks.page(plan_id)
        if problem := why_not(page, deed, step):
            return self._refuse(request, plan_id, problem)
        return self._pages.page(
            request,
            "confirm.html",
            page=page,
            what=title(deed, step),
            meaning=deeds[deed][1],
            deed=deed,
            target=target(deed, step),
        )

    async def cancel(self, request: Any, plan_id: str) -> bytes:
        """Ask a task to end and show it again."""
        return await self._do(request, plan_id, lambda control, by: control.cancel(plan_id, by))

    async def cancel_step(self, request: Any, plan_id: str, step: str) -> bytes:
        """Ask one step to end; the others go on."""
        return await self._do(request, plan_id, lambda control, by: control.cancel_step(plan_id, step_number(step), by))

    async def force_cancel(self, request: Any, plan_id: str) -> bytes:
        """End a task that does not heed to being asked."""
        return await self._do(request, plan_id, lambda control, by: control.cancel(plan_id, by, force=True))

    async def resume(self, request: Any, plan_id: str) -> bytes:
        """Go on with a paused task."""
        return await self._do(request, plan_id, lambda control, by: control.resume(plan_id, by))

    async def halt(self, request: Any, plan_id: str) -> bytes:
        """Stop a task as it is."""
        return await self._do(request, plan_id, lambda control, by: control.halt(plan_id, by))

    async def resend(self, request: Any, plan_id: str) -> bytes:
        """Tell Foreman once more."""
        return await self._do(request, plan_id, lambda control, by: control.resend(plan_id, by))

    async def skip(self, request: Any, plan_id: str, step: str) -> bytes:
        """Leave out a failed step."""
        return await self._do(request, plan_id, lambda control, by: control.skip(plan_id, step_number(step), by))

    async def _do(self, request: Any, plan_id: str, deed: Callable[[Control, Actor], Awaitable[object]]) -> bytes:
        """Do something, and show the task again or say why that is not possible."""
        try:
            await deed(self._tasks.control, actor_of(request, "console"))
        except (NotPossibleNow, NothingToSend) as error:
            return self._refuse(request, plan_id, str(error))
        return self._pages.go(request, plan_id)

    def _refuse(self, request: Any, plan_id: str, problem: str) -> bytes:
        return self._pages.page(request, "error.html", 409, title="Not possible now", text=problem, task=plan_id)


def _some(step_deeds: Mapping[int, Iterable[str]]) -> list[tuple[str, int]]:
    """What can be done to the first of the steps to which anything can be done."""
    return [(deed, step) for step, deeds in step_deeds.items() for deed in deeds][:_MOST_STEPS]


def _kind(page: TaskPage) -> str:
    """How it is to look: a launch went well only if its jobs did."""
    if any(each.is_over and each.result == PlanResult.ERROR for each in page.child_counts):
        return "error"
    return page.summary.result if page.summary.state == PlanState.STOPPED else page.summary.state
