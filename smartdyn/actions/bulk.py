"""What people do to all tasks that a search finds: counted first, then done a few at a time, with one audit entry."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger

from smartdyn.actions.ledger import Ledger
from smartdyn.engine.world import World
from smartdyn.errors import MatchesChanged, SmartdynError
from smartdyn.model.audit import POSSIBLE_IN, Actor, BulkOutcome, BulkProgress, What
from smartdyn.model.query import TaskQuery
from smartdyn.model.states import StepState
from smartdyn.store import audit, listing
from smartdyn.store.audit import AddProblems, AddTasks

MOST_IN_BULK: Final = 100_000
_PIECE: Final = 20
"""Tasks that are dealt with at the same time; everything else has its turn in between."""

_MOST_PROBLEMS: Final = 100


class Bulk:
    """Does it through the engine's interventions."""

    _log = Logger()

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger
        self._under_way: set[str] = set()

    async def count(self, wanted: TaskQuery, what: What) -> int:
        """How many tasks a search finds to which it can be done; L{MOST_IN_BULK} means so many or more."""
        return len(await self._matching(wanted, what))

    async def start(self, wanted: TaskQuery, what: What, by: Actor, *, expected: int) -> str:
        """Begin to do it to all of them, at most L{MOST_IN_BULK}.

        Tasks may have ended since they were counted; that there are more of them now is another matter.

        @param expected: how many it was said that these are.
        @return: the key to how far it has come.
        @raise MatchesChanged: they are more now; nothing is done.
        """
        key, work = await self._begin(wanted, what, by, expected)
        self._world.environment.spawner.spawn(f"{what} of many tasks", work)
        return key

    async def run(self, wanted: TaskQuery, what: What, by: Actor, *, expected: int) -> BulkOutcome:
        """The same, waiting for the end.

        @raise MatchesChanged: they are more now; nothing is done.
        """
        _, work = await self._begin(wanted, what, by, expected)
        return await Deferred.fromCoroutine(work)

    async def progress(self, key: str) -> tuple[BulkProgress, bool] | None:
        """How far it has come, and whether it goes on; None when there is nothing with this key."""
        found = await self._world.database.query(lambda tx: audit.progress(tx, key, _MOST_PROBLEMS))
        return None if found is None or found.entry.tasks is None else (found, key in self._under_way)

    async def _begin(
        self, wanted: TaskQuery, what: What, by: Actor, expected: int
    ) -> tuple[str, Coroutine[Any, Any, BulkOutcome]]:
        found = await self._matching(wanted, what)
        if len(found) > expected:
            raise MatchesChanged(expected, len(found))
        key = await self._ledger.begin(by, f"{what} all", str(wanted), len(found))
        return key, self._work(key, found, what)

    async def _matching(self, wanted: TaskQuery, what: What) -> Sequence[str]:
        possible = tuple(state for state in POSSIBLE_IN[what] if not wanted.states or state in wanted.states)
        if not possible:
            return ()
        narrowed = replace(wanted, states=possible)
        return await self._world.database.query(lambda tx: listing.ids(tx, narrowed, limit=MOST_IN_BULK), patient=True)

    async def _work(self, key: str, found: Sequence[str], what: What) -> BulkOutcome:
        database = self._world.database
        refused: dict[str, str] = {}
        reached = 0
        self._under_way.add(key)
        try:
            for start in range(0, len(found), _PIECE):
                if self._world.is_stopping:
                    break
                piece = found[start : start + _PIECE]
                await database.commit(AddTasks(key, piece))
                problems = await self._piece(piece, what)
                reached += len(piece)
                if problems:
                    refused |= problems
                    await database.commit(AddProblems(key, problems))
        finally:
            self._under_way.discard(key)
        outcome = BulkOutcome(len(found), reached - len(refused), tuple(refused.items()))
        text = f"Done to {outcome.done} of {outcome.matched} tasks."
        if reached < len(found):
            text += " The service was stopped before it could do the rest."
        await database.commit(self._ledger.ended(key, text))
        return outcome

    async def _piece(self, plan_ids: Sequence[str], what: What) -> dict[str, str]:
        """Do it to some; those to which it could not be done, with the reasons."""
        answers = await gatherResults([Deferred.fromCoroutine(self._one(plan_id, what)) for plan_id in plan_ids])
        return {plan_id: text for plan_id, text in zip(plan_ids, answers, strict=True) if text is not None}

    async def _one(self, plan_id: str, what: What) -> str | None:
        """Why it could not be done to this one."""
        interventions = self._world.interventions
        try:
            if what == "cancel":
                await interventions.cancel(plan_id)
            elif what == "resume":
                await interventions.resume(plan_id)
            else:
                whole = await self._world.reader.load(plan_id)
                for step in whole.steps.values():
                    if step.state is StepState.ERROR:
                        await interventions.skip(plan_id, step.id)
        except CancelledError:
            raise
        except SmartdynError as error:
            return str(error)
        except Exception as error:
            self._log.failure("{what} of task {plan_id} failed", what=what, plan_id=plan_id)
            return f"It failed: {type(error).__name__}: {error}"
        return None
