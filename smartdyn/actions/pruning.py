"""Deleting tasks that are over before their time, because somebody wants it; the cleaner does it."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import CancelledError

from smartdyn.actions.ledger import Ledger
from smartdyn.engine.cleaner import Cleaner
from smartdyn.engine.world import World
from smartdyn.model.audit import Actor
from smartdyn.model.query import TaskQuery
from smartdyn.store import audit, pruning


@dataclass(slots=True)
class _Run:
    """One that was begun in this life of the service."""

    deleted: int = 0
    over: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class PruneProgress:
    """
    @param deleted: tasks that are gone; None when it was done in an earlier life of the service.
    @param over: it does not go on.
    @param failed: it did not come to its end, or nobody knows.
    @param outcome: what came of it, in a sentence.
    """

    deleted: int | None
    over: bool
    failed: bool
    outcome: str


class Pruning:
    """Has the cleaner do it in the background."""

    def __init__(self, world: World, ledger: Ledger, cleaner: Cleaner) -> None:
        self._world = world
        self._ledger = ledger
        self._cleaner = cleaner
        self._runs: dict[str, _Run] = {}

    async def start(self, wanted: TaskQuery, cutoff: float, by: Actor) -> str:
        """Begin to delete what a search finds, as far as it was over at C{cutoff}.

        @return: the key to how far it has come.
        """
        key = await self._ledger.begin(by, "prune", str(wanted) or "all tasks")
        run = self._runs[key] = _Run()
        self._world.environment.spawner.spawn("pruning", self._work(key, run, wanted, cutoff))
        return key

    async def progress(self, key: str) -> PruneProgress | None:
        """How far it has come; None when there is nothing with this key."""
        found = await self._world.database.query(lambda tx: audit.progress(tx, key, 0))
        if found is None or found.entry.what != "prune":
            return None
        run = self._runs.get(key)
        if run is None:
            return PruneProgress(None, True, found.entry.ended_at is None, found.entry.outcome)
        return PruneProgress(run.deleted, run.over, run.failed, found.entry.outcome)

    async def _work(self, key: str, run: _Run, wanted: TaskQuery, cutoff: float) -> None:
        def deleted(number: int) -> None:
            run.deleted += number

        rest = ""
        try:
            await self._cleaner.prune(wanted, cutoff, deleted)
        except CancelledError:
            run.failed, rest = True, " The service was stopped before it could do the rest."
            raise
        except Exception:
            run.failed, rest = True, " Then it failed; the log of smartdyn says why."
            raise
        finally:
            text = pruning.outcome(run.deleted, cutoff) + rest
            await self._world.database.commit(self._ledger.ended(key, text))
            run.over = True
