"""Looks at all tasks together: what fails and why, what is stuck, what a host has been doing."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from smartdyn.engine.digester import Digester
from smartdyn.engine.world import World
from smartdyn.errors import InvalidRequest
from smartdyn.model.causes import why, why_waiting
from smartdyn.model.overview import BatchPage, HealthItem, HostPage, OutputHit, Overview, StuckTask
from smartdyn.model.query import FAILED, TaskQuery
from smartdyn.model.states import UNFINISHED, StepState
from smartdyn.model.views import JobNote, TaskList, TaskSummary
from smartdyn.store import digests, evidence, insight, listing, plans

_DAY: Final = 86400.0
_LONG_WAIT: Final = 60.0
"""Seconds after which a job that waits for its turn is one that is stuck."""

_MOST_STUCK: Final = 50
_MOST_HITS: Final = 50
_MOST_TROUBLES: Final = 10
_MOST_IN_BATCH: Final = 20

Notes = Callable[[], Mapping[str, JobNote]]
Health = Callable[[], Awaitable[Sequence[HealthItem]]]


class Insight:
    """Puts together what several pages show."""

    def __init__(self, world: World, digester: Digester, notes: Notes, health: Health) -> None:
        """
        @param notes: what jobs are waiting for just now, by task.
        @param health: how what the service needs is.
        """
        self._world = world
        self._digester = digester
        self._notes = notes
        self._health = health

    async def overview(self, now: float) -> Overview:
        """What is to be seen first."""
        await self._digester.digest()
        database = self._world.database
        stuck = await database.query(lambda tx: _paused(tx) + _waiting(tx, self._notes(), now), patient=True)
        failed, cancelled, ended, untold, unsearched = await database.query(
            lambda tx: (
                insight.failures(tx, now - _DAY),
                digests.cancelled(tx, now - _DAY),
                insight.throughput(tx, now),
                insight.backlog(tx),
                digests.backlog(tx, insight.MOST_COUNTED),
            ),
            patient=True,
        )
        return Overview(
            failures=tuple(failed),
            cancelled=cancelled,
            stuck=tuple(stuck[:_MOST_STUCK]),
            queues=tuple(self._world.environment.queues.depths()),
            running=len(self._world.running()),
            throughput=tuple(ended),
            callbacks=untold,
            health=(*await self._health(), _search_in_outputs(*unsearched, now)),
        )

    async def host(self, name: str, list_of: Callable[[TaskQuery], Awaitable[TaskList]]) -> HostPage:
        """What a host has been doing.

        @param list_of: gives the newest tasks that a search finds.
        """
        await self._digester.digest()
        failed, running, last = await self._world.database.query(
            lambda tx: (
                insight.failures_of_host(tx, name),
                insight.unfinished_of_host(tx, name, insight.MOST_COUNTED),
                insight.troubles(tx, name, _MOST_TROUBLES),
            ),
            patient=True,
        )
        return HostPage(name, await list_of(TaskQuery(hosts=(name,))), running, tuple(failed), tuple(last))

    async def batch(self, parent_id: str) -> BatchPage:
        """How the tasks that one launched are doing.

        @raise smartdyn.errors.PlanNotFound: there is no such task.
        """
        await self._digester.digest()
        return await self._world.database.query(lambda tx: _batch(tx, parent_id), patient=True)

    async def search_output(self, wanted: TaskQuery) -> list[OutputHit]:
        """The newest tasks that a search finds, with the line in which the first of its texts stands.

        @raise InvalidRequest: the search has no C{text:}.
        """
        if not wanted.texts:
            raise InvalidRequest('A search in outputs needs `text:`, as in text:"permission denied".')
        await self._digester.digest()
        return await self._world.database.query(
            lambda tx: _hits(tx, listing.page(tx, wanted, limit=_MOST_HITS), wanted.texts[0]), patient=True
        )

    async def lines_with(self, tasks: Sequence[TaskSummary], text: str) -> list[OutputHit]:
        """Where the output of some tasks has a text."""
        return await self._world.database.query(lambda tx: _hits(tx, tasks, text), patient=True)


def _search_in_outputs(count: int, oldest: float | None, now: float) -> HealthItem:
    """How far the search in outputs, and what is said of why tasks failed, is behind."""
    name = "search in outputs"
    if not count or oldest is None:
        return HealthItem(name, True, "It knows all tasks that are over.")
    number = f"{count} or more" if count == insight.MOST_COUNTED else str(count)
    behind = f"{max(now - oldest, 0.0):.0f} s ago"
    return HealthItem(name, True, f"{number} tasks that are over are still to be read, from {behind} on; it goes on.")


def _batch(tx: sqlite3.Cursor, parent_id: str) -> BatchPage:
    counts = insight.child_states(tx, parent_id)
    hosts, ended_at = insight.child_hosts(tx, parent_id)
    going = TaskQuery(states=UNFINISHED, parent=parent_id)
    failed = TaskQuery(states=(FAILED,), parent=parent_id)
    return BatchPage(
        parent=plans.summary(tx, parent_id),
        counts=tuple(counts),
        hosts=hosts,
        failures=tuple(insight.failures_of_batch(tx, parent_id)),
        going=tuple(listing.page(tx, going, limit=_MOST_IN_BATCH)),
        failed=tuple(listing.page(tx, failed, limit=_MOST_IN_BATCH)),
        ended_at=ended_at if all(each.is_over for each in counts) else None,
    )


def _paused(tx: sqlite3.Cursor) -> list[StuckTask]:
    """Tasks that wait for a decision."""
    found = []
    for task in listing.page(tx, TaskQuery(states=("paused",)), limit=_MOST_STUCK):
        whole = plans.load_whole(tx, task.id)
        known = evidence.of_plan(tx, whole)
        since = max((step.ended_at for step in whole.steps.values() if step.ended_at), default=task.created_at)
        if not any(step.state is StepState.ERROR for step in whole.steps.values()):
            found.append(StuckTask(task, "What failed in it will be left out.", since, "Resume it."))
            continue
        error = f": {known.errors[0].splitlines()[0].rstrip('.')}" if known.errors else ""
        advice = f"{why(known).advice} Then resume it, skip the step, or halt it."
        found.append(StuckTask(task, f"A step failed and the task waits for a decision{error}.", since, advice))
    return found


def _waiting(tx: sqlite3.Cursor, notes: Mapping[str, JobNote], now: float) -> list[StuckTask]:
    """Tasks whose jobs wait for something that is wrong, or for long."""
    found = []
    for plan_id, note in sorted(notes.items(), key=lambda item: item[1].at):
        cause = why_waiting(note.text)
        if (cause is not None or now - note.at >= _LONG_WAIT) and plans.exists(tx, plan_id):
            advice = cause.advice if cause is not None else "Wait, or cancel it."
            found.append(StuckTask(plans.summary(tx, plan_id), note.text, note.at, advice))
        if len(found) == _MOST_STUCK:
            break
    return found


def _hits(tx: sqlite3.Cursor, tasks: Sequence[TaskSummary], text: str) -> list[OutputHit]:
    found = []
    for task in tasks:
        place = digests.find(tx, task.id, text)
        found.append(OutputHit(task, place.line if place else "", place.position if place else None))
    return found
