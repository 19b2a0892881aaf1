"""What the outside may ask of tasks: launch, look at, cancel. The API, the console and the command line use this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from twisted.logger import Logger

from smartdyn.actions import presentation, task_pages
from smartdyn.actions.control import Control
from smartdyn.actions.events import ExternalEvent
from smartdyn.actions.insight import Health, Insight, Notes
from smartdyn.actions.launchers import LaunchContext, Launchers, SingleLauncher
from smartdyn.actions.passwords import OneTimePasswords
from smartdyn.actions.pruning import Pruning
from smartdyn.actions.saved import SavedSearches
from smartdyn.engine.cleaner import Cleaner
from smartdyn.engine.digester import Digester
from smartdyn.engine.world import World
from smartdyn.errors import EventUndeliverable, PlanNotFound, SmartdynError
from smartdyn.model.order import NEWEST, Order, place
from smartdyn.model.overview import BatchPage, HostPage, IntakeView, ListedHost, OutputHit, Overview
from smartdyn.model.query import EVERYTHING, TaskQuery
from smartdyn.model.views import ListedTask, TaskList, TaskPage, TaskSummary
from smartdyn.secret import conceal_secrets
from smartdyn.store import (
    insight,
    listing,
    long_output,
    names,
    nesting,
    plans,
)
from smartdyn.store.output_reader import OutputReader

MOST_COUNTED: Final = 10_000


class Tasks:
    """Foreman's words for it: a task is an execution plan."""

    _log = Logger()

    def __init__(
        self,
        world: World,
        launchers: Launchers,
        single: SingleLauncher,
        passwords: OneTimePasswords,
        notes: Notes,
        digester: Digester,
        health: Health,
        cleaner: Cleaner,
    ) -> None:
        """
        @param notes: what jobs are waiting for just now, by task.
        @param digester: looks at tasks that are over.
        @param health: how what the service needs is.
        @param cleaner: deletes tasks that are over.
        """
        self._world = world
        self._launchers = launchers
        self._single = single
        self._passwords = passwords
        self._notes = notes
        self._insight = Insight(world, digester, notes, health)
        self._control = Control(world)
        self._saved = SavedSearches(world, self._control.ledger)
        self._pruning = Pruning(world, self._control.ledger, cleaner)
        self.output = OutputReader(world.database)

    def operations(self) -> list[str]:
        """The operations that can be launched."""
        return self._launchers.operations()

    async def launch(
        self, operation: str, input: Any, options: Any, *, callback_host: str, request_id: str
    ) -> dict[str, Any]:
        """Launch an operation and give the answer to the request.

        @raise smartdyn.errors.SmartdynError: it could not be accepted.
        """
        launcher = self._launchers.find(operation)
        launches = self._world.meters.launches
        try:
            answer = await launcher.launch(input, options, LaunchContext(callback_host, request_id))
        except SmartdynError:
            launches.labels(operation, "refused").inc()
            raise
        launches.labels(operation, "accepted").inc()
        return answer

    async def trigger(
        self, action_name: str, action_input: dict[str, Any], *, callback_host: str, request_id: str
    ) -> str:
        """Plan and run one action (the deprecated C{POST /tasks}).

        @return: the task id, even if planning failed: the task then says why.
        """
        action = self._single.find(action_name)
        context = LaunchContext(callback_host, request_id)
        planned = self._world.plan(self._single.request(action, conceal_secrets(action_input), context))
        await self._world.accept([planned])
        return planned.whole.plan.id

    @property
    def control(self) -> Control:
        """What people may do to tasks."""
        return self._control

    def intake(self) -> IntakeView:
        """Whether new tasks are taken, and how many have not ended."""
        drain = self._world.intake.drain
        running = len(self._world.running())
        return IntakeView(running) if drain is None else IntakeView(running, drain.by, drain.since)

    @property
    def saved(self) -> SavedSearches:
        """Searches with a name."""
        return self._saved

    @property
    def pruning(self) -> Pruning:
        """Deleting tasks that are over."""
        return self._pruning

    def version(self) -> int:
        """Another number after anything has been written about any task."""
        return self._world.database.version

    async def status(self, plan_id: str) -> dict[str, Any]:
        """A task with its actions and output, as Foreman reads it.

        @raise PlanNotFound: there is none.
        """
        registry = self._world.registry
        return await self._world.database.query(lambda tx: presentation.status(tx, registry, plan_id))

    def stream(self, value: Any) -> AsyncIterator[bytes]:
        """A status, or several, as JSON in pieces: the output in it may be too long to be encoded at once."""
        return long_output.stream(self._world.database, value)

    async def statuses(self, plan_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """L{status} of several tasks; those that do not exist are left out."""
        found = {}
        for plan_id in plan_ids:
            try:
                found[plan_id] = await self.status(plan_id)
            except PlanNotFound:
                continue
        return found

    async def states(self, plan_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """State and result of several tasks; those that do not exist are left out."""
        return await self._world.database.query(lambda tx: plans.states(tx, plan_ids))

    async def count(self, states: Sequence[str] | None) -> int:
        """How many tasks are in one of these states; None counts all.

        Foreman measures by the running ones how busy a proxy is, so tasks that only wait for others do not count.
        """
        parents = self._world.registry.parents()
        return await self._world.database.query(lambda tx: plans.count(tx, states, parents))

    async def deliver(self, plan_id: str, step_id: Any, data: dict[str, Any]) -> None:
        """Pass on what was posted to a task's step.

        A step that cannot take it (finished, unknown) is no error: the sender cannot know (G:unknown-ids).
        """
        if not isinstance(step_id, int) or isinstance(step_id, bool):
            self._log.info("an update of task {plan_id} names no step; ignored", plan_id=plan_id)
            return
        try:
            await self._world.event(plan_id, step_id, ExternalEvent(data))
        except EventUndeliverable as error:
            self._log.warn("{error}", error=error)

    async def check_one_time_password(self, plan_id: str, password: str, *, consume: bool) -> bool:
        """Is this the password that the task's script was given?"""
        return await self._passwords.check(plan_id, password, consume=consume)

    async def recent(
        self, wanted: TaskQuery = EVERYTHING, order: Order = NEWEST, *, before: str | None = None, limit: int = 50
    ) -> TaskList:
        """A page of tasks.

        @raise InvalidRequest: C{before} did not come from an earlier page in this order.
        """
        start = place(before, order) if before else None
        found = await self._world.database.query(
            lambda tx: listing.page(tx, wanted, order, before=start, limit=limit + 1), patient=True
        )
        shown = tuple(found[:limit])
        return TaskList(shown, str(order.place_of(shown[-1])) if len(found) > limit else None)

    async def nested(self, tasks: Sequence[TaskSummary], opened: Collection[str]) -> tuple[ListedTask, ...]:
        """Tasks of a list below those that started them: see L{nesting.nested}."""
        return await self._world.database.query(lambda tx: nesting.nested(tx, tasks, opened), patient=True)

    async def count_matching(self, wanted: TaskQuery) -> int:
        """How many tasks a search finds; L{MOST_COUNTED} means so many or more."""
        found = await self._world.database.query(lambda tx: listing.ids(tx, wanted, limit=MOST_COUNTED), patient=True)
        return len(found)

    async def overview(self, now: float) -> Overview:
        """What is to be seen first: see L{Insight.overview}."""
        return await self._insight.overview(now)

    async def host(self, name: str) -> HostPage:
        """What a host has been doing."""
        return await self._insight.host(name, self.recent)

    async def hosts(self, part: str, *, limit: int) -> list[ListedHost]:
        """The hosts of which there are tasks and whose names have this in them, with what they do."""
        pattern = f"%{names.literal(part)}%"
        return await self._world.database.query(
            lambda tx: [insight.listed(tx, name) for name in names.matching(tx, "host", [pattern])[:limit]],
            patient=True,
        )

    async def names_like(self, kind: str, part: str, *, limit: int) -> list[str]:
        """The hosts, or labels, of which there are tasks and which have this in them.

        @param kind: C{host} or C{label}.
        """
        pattern = f"%{names.literal(part)}%"
        return await self._world.database.query(lambda tx: names.matching(tx, kind, [pattern])[:limit])

    async def batch(self, parent_id: str) -> BatchPage:
        """How the tasks that one launched are doing.

        @raise PlanNotFound: there is no such task.
        """
        return await self._insight.batch(parent_id)

    async def search_output(self, wanted: TaskQuery) -> list[OutputHit]:
        """Where the output of tasks has what is searched for: see L{Insight.search_output}."""
        return await self._insight.search_output(wanted)

    async def lines_with(self, tasks: Sequence[TaskSummary], text: str) -> list[OutputHit]:
        """Where the output of some tasks has a text."""
        return await self._insight.lines_with(tasks, text)

    async def page(self, plan_id: str) -> TaskPage:
        """Everything about one task.

        @raise PlanNotFound: there is none.
        """
        registry = self._world.registry
        page = await self._world.database.query(lambda tx: task_pages.page(tx, registry, plan_id))
        return replace(page, note=self._notes().get(plan_id))
