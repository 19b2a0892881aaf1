"""A whole engine in memory, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from smartdyn.actions.action import Action
from smartdyn.actions.batch import Batch
from smartdyn.actions.callback import Callback, CallbackSender
from smartdyn.actions.launchers import BatchLauncher, Launchers, SingleLauncher
from smartdyn.actions.passwords import OneTimePasswords
from smartdyn.actions.registry import Registry
from smartdyn.actions.rejected import Rejected
from smartdyn.actions.tasks import Tasks
from smartdyn.engine.planning import Planned
from smartdyn.engine.world import World
from smartdyn.model.ids import random_id
from smartdyn.model.records import WholePlan
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.plans import InsertPlan
from smartdyn.store.vault import Vault
from tests.support.rig import ACTIONS

START = 1_795_451_540.1006
KEY = bytes(range(32))


class Engine:
    """An engine for tests; L{restart} gives the next life on the same database."""

    def __init__(self, actions: Iterable[type[Action]] = (), database: MemoryDatabase | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.actions = tuple(actions)
        self.database = database or MemoryDatabase()
        self.vault = Vault(KEY)
        self.registry = Registry((*ACTIONS, Batch, Callback, Rejected, *self.actions))
        self.notified = 0
        self.world = World(self.clock, self.clock.seconds, random_id, self.database, self.vault, self.registry)
        self.passwords = OneTimePasswords(self.database, self.vault, self.clock.seconds)
        self.world.provide(OneTimePasswords, self.passwords)
        self.world.provide(CallbackSender, CallbackSender(self._notify))
        self.launchers = Launchers()
        single = SingleLauncher(self.world, self.vault)
        self.launchers.register("single", single)
        self.launchers.register("ssh", BatchLauncher(self.world, self.vault))
        self.tasks = Tasks(self.world, self.launchers, single, self.passwords)

    def restart(self) -> Engine:
        """The next life of the service, after this one was killed."""
        return Engine(self.actions, self.database)

    def load(self, plan_id: str) -> WholePlan:
        """A plan as it is in the database."""
        found: list[Any] = []
        Deferred.fromCoroutine(self.world.load(plan_id)).addCallback(found.append)
        whole: WholePlan = found[0]
        return whole

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


class _Sql:
    """A statement of a test."""

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def apply(self, tx: Any) -> None:
        """Execute it."""
        tx.execute(self._statement)
