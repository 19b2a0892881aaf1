"""The engine for tests, with the actions of the reference's recordings and the launchers."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from smartdyn.actions.batch import Batch
from smartdyn.actions.callback import Callback, CallbackSender
from smartdyn.actions.launchers import BatchLauncher, Launchers, SingleLauncher
from smartdyn.actions.passwords import OneTimePasswords
from smartdyn.actions.rejected import Rejected
from smartdyn.actions.tasks import Tasks
from smartdyn.engine.cleaner import Cleaner, Retention
from smartdyn.engine.digester import Digester
from smartdyn.engine.planning import Planned
from smartdyn.model.overview import HealthItem
from smartdyn.model.records import WholePlan
from smartdyn.store.plans import InsertPlan
from smartdyn.testing import Engine as BareEngine
from smartdyn.testing.engine import START
from tests.support.rig import ACTIONS

__all__ = ["START", "Engine"]


class Engine(BareEngine):
    """Adds what surrounds the engine in a service."""

    def __init__(self, actions: Any = (), **kwargs: Any) -> None:
        known = (*ACTIONS, Batch, Callback, Rejected)
        super().__init__((*known, *(action for action in actions if action not in known)), **kwargs)
        self.notified = 0
        self.passwords = OneTimePasswords(self.database, self.vault, self.clock.seconds)
        self.world.provide(OneTimePasswords, self.passwords)
        self.world.provide(CallbackSender, CallbackSender(self._notify))
        self.launchers = Launchers()
        single = SingleLauncher(self.world, self.vault)
        self.launchers.register("single", single)
        self.launchers.register("ssh", BatchLauncher(self.world, self.vault))
        self.digester = Digester(self.clock, self.database)
        self.cleaner = Cleaner(self.clock, self.clock.seconds, self.database, Retention())
        self.tasks = Tasks(
            self.world,
            self.launchers,
            single,
            self.passwords,
            self.dispatcher.notes,
            self.digester,
            _healthy,
            self.cleaner,
        )

    def load(self, plan_id: str) -> WholePlan:
        """A plan as it is in the database."""
        return self.plan(plan_id)

    def store(self, planned: Planned) -> Deferred[None]:
        """Store a plan as if the service had died before it could begin to execute it."""
        return self.database.commit(InsertPlan(planned.whole))

    def execute_sql(self, statement: str) -> Deferred[None]:
        """Change the database behind the engine's back."""
        return self.database.commit(_Sql(statement))

    async def database_accept(self, planned: Planned) -> None:
        """Accept a plan; commits after the one that stores it are held."""
        await self.store(planned)
        self.database.hold()
        self.world.execute(planned.whole)

    def _notify(self) -> None:
        self.notified += 1


async def _healthy() -> list[HealthItem]:
    return [HealthItem("database", True, "It answers.")]


class _Sql:
    """A statement of a test."""

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def apply(self, tx: Any) -> None:
        """Execute it."""
        tx.execute(self._statement)
