"""What people may do to tasks, one or many; each time it is written down who did it and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from twisted.internet.defer import Deferred, gatherResults

from smartdyn.engine.world import World
from smartdyn.errors import MatchesChanged, SmartdynError
from smartdyn.model.audit import POSSIBLE_IN, Actor, AuditEntry, BulkOutcome, What
from smartdyn.model.query import TaskQuery
from smartdyn.model.states import StepState
from smartdyn.store import audit, listing
from smartdyn.store.audit import AppendAudit

T = TypeVar("T")

MOST_IN_BULK: Final = 100_000
_PIECE: Final = 20
"""Tasks that are dealt with at the same time; everything else has its turn in between."""


class Control:
    """Does it through the engine's interventions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._interventions = world.interventions

    async def cancel(self, plan_id: str, by: Actor, *, force: bool = False) -> int:
        """Ask a task to end; how many of its steps were told."""
        return await self.recorded(
            by,
            "force-cancel" if force else "cancel",
            plan_id,
            lambda: self._interventions.cancel(plan_id, force=force),
            lambda told: f"{told} steps were told.",
        )

    async def resume(self, plan_id: str, by: Actor) -> None:
        """Go on with a paused task."""
        await self.recorded(
            by, "resume", plan_id, lambda: self._interventions.resume(plan_id), lambda _: "It was resumed."
        )

    async def skip(self, plan_id: str, step_id: int, by: Actor) -> list[int]:
        """Leave out a failed step when the task is resumed; the steps that were marked."""
        return await self.recorded(
            by,
            f"skip step {step_id}",
            plan_id,
            lambda: self._interventions.skip(plan_id, step_id),
            lambda marked: f"Steps marked: {', '.join(map(str, marked)) or 'none'}.",
        )

    async def halt(self, plan_id: str, by: Actor) -> None:
        """Stop a task by force."""
        await self.recorded(by, "halt", plan_id, lambda: self._interventions.halt(plan_id), lambda _: "It was halted.")

    async def bulk(
        self, wanted: TaskQuery, what: What, by: Actor, *, dry_run: bool, expected: int | None = None
    ) -> BulkOutcome:
        """Do something to all tasks that a search finds and to which it can be done, at most L{MOST_IN_BULK}.

        @param dry_run: only say how many these are.
        @param expected: how many it was said that these are.
        @raise MatchesChanged: they are more or fewer now; nothing is done.
        """
        found = await self._matching(wanted, what)
        if dry_run:
            return BulkOutcome(len(found))
        if expected is not None and expected != len(found):
            raise MatchesChanged(expected, len(found))
        refused: list[tuple[str, str]] = []
        for start in range(0, len(found), _PIECE):
            piece = found[start : start + _PIECE]
            problems = await gatherResults(
                [Deferred.fromCoroutine(self._one_of_many(plan_id, what, by)) for plan_id in piece]
            )
            refused += [(plan_id, text) for plan_id, text in zip(piece, problems, strict=True) if text is not None]
        outcome = BulkOutcome(len(found), len(found) - len(refused), tuple(refused))
        await self._record(by, f"{what} all", str(wanted), f"Done to {outcome.done} of {outcome.matched} tasks.")
        return outcome

    async def recorded(
        self, by: Actor, what: str, subject: str, work: Callable[[], Awaitable[T]], outcome: Callable[[T], str]
    ) -> T:
        """Do something and write down what came of it.

        @param outcome: says it of the result; an error speaks for itself.
        """
        try:
            result = await work()
        except SmartdynError as error:
            await self._record(by, what, subject, str(error))
            raise
        await self._record(by, what, subject, outcome(result))
        return result

    async def audit(
        self, subject: str | None = None, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, AuditEntry]]:
        """Who did what, the newest first, with numbers.

        @param subject: only what was done to this task, search or host.
        @param before: the number of the last entry of the page before.
        """
        return await self._world.database.query(lambda tx: audit.page(tx, subject, before, limit))

    async def _matching(self, wanted: TaskQuery, what: What) -> Sequence[str]:
        possible = tuple(state for state in POSSIBLE_IN[what] if not wanted.states or state in wanted.states)
        if not possible:
            return ()
        narrowed = replace(wanted, states=possible)
        return await self._world.database.query(lambda tx: listing.ids(tx, narrowed, limit=MOST_IN_BULK), patient=True)

    async def _one_of_many(self, plan_id: str, what: What, by: Actor) -> str | None:
        """Why it could not be done to this one."""
        try:
            if what == "cancel":
                await self.cancel(plan_id, by)
            elif what == "resume":
                await self.resume(plan_id, by)
            else:
                await self._skip_failed(plan_id, by)
        except SmartdynError as error:
            return str(error)
        return None

    async def _skip_failed(self, plan_id: str, by: Actor) -> None:
        whole = await self._world.load(plan_id)
        for step in whole.steps.values():
            if step.state is StepState.ERROR:
                await self.skip(plan_id, step.id, by)

    async def _record(self, by: Actor, what: str, subject: str, outcome: str) -> None:
        entry = AuditEntry(self._world.now(), by, what, subject, outcome)
        await self._world.database.commit(AppendAudit(entry))
