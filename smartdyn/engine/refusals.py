"""What becomes of a plan when the database refuses for good what its steps want to write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from twisted.logger import Logger

from smartdyn.aio import Spawner
from smartdyn.engine.plan_run import PlanRun
from smartdyn.model.records import WholePlan


class Refusals:
    """Takes such plans up again from what the database has; the steps that are to blame have failed."""

    _log = Logger()

    def __init__(
        self,
        spawner: Spawner,
        load: Callable[[str], Awaitable[WholePlan]],
        take_up: Callable[[WholePlan], PlanRun | None],
    ) -> None:
        self._spawner = spawner
        self._load = load
        self._take_up = take_up
        self._seen: set[str] = set()

    def refused(self, plan_id: str, steps: Collection[int], error: Exception) -> None:
        """The database refused what C{steps} wrote.

        A plan to which this happens again before it has ended is left alone until the next start.
        """
        self._log.error(
            "task {plan_id}: the database refuses what step {steps} wrote: {error}",
            plan_id=plan_id,
            steps=sorted(steps),
            error=error,
        )
        if plan_id in self._seen:
            self._log.critical("task {plan_id} cannot go on; it is taken up at the next start", plan_id=plan_id)
            return
        self._seen.add(plan_id)
        self._spawner.spawn(f"reading task {plan_id} again", self._go_on(plan_id, steps, error))

    def ended(self, plan_id: str) -> None:
        """A plan has ended after all."""
        self._seen.discard(plan_id)

    async def _go_on(self, plan_id: str, steps: Collection[int], error: Exception) -> None:
        run = self._take_up(await self._load(plan_id))
        if run is not None:
            run.recover_refused(steps, error)
