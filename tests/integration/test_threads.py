"""Actions that block, in real threads."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from smartdyn.actions.action import Action
from smartdyn.actions.registry import Registry
from smartdyn.aio import sleep
from smartdyn.engine.planning import PlanRequest
from smartdyn.engine.queues import Queues
from smartdyn.engine.threads import Threads
from smartdyn.engine.world import World
from smartdyn.model.ids import random_id
from smartdyn.model.states import StepState
from smartdyn.store.memory import MemoryDatabase
from smartdyn.store.vault import Vault

CLOCK: Any = reactor


class Blocking(Action):
    """Blocks until the test lets it go on, then waits for an event."""

    blocking: ClassVar[bool] = True
    gate: ClassVar[threading.Event]
    inside: ClassVar[list[str]]

    def run(self, event: Any = None) -> None:
        """In a thread."""
        self.inside.append(threading.current_thread().name)
        self.gate.wait(20)
        self.output["threads"] = [
            *self.output.get("threads", []),
            threading.current_thread() is threading.main_thread(),
        ]
        if event is None:
            self.suspend()


class ThreadTests(TestCase):
    """L{Threads}."""

    timeout = 300

    async def test_blocking_actions(self) -> None:
        """They run beside each other, as many as their queue has places, and the reactor goes on meanwhile."""
        Blocking.gate, Blocking.inside = threading.Event(), []
        threads = Threads(reactor, 3)
        world = World(
            CLOCK,
            time.time,
            random_id,
            MemoryDatabase(),
            Vault(bytes(32)),
            Registry([Blocking]),
            queues=Queues({"default": 2}),
            in_thread=threads.call,
        )
        planned = [world.plan(PlanRequest(Blocking, (), str(number))) for number in range(3)]
        await world.accept(planned)
        while len(Blocking.inside) < 2:
            await sleep(CLOCK, 0.01)
        await sleep(CLOCK, 0.05)
        self.assertEqual(len(Blocking.inside), 2)
        Blocking.gate.set()
        ended = [world.when_ended(str(number)) for number in range(3)]
        for number in range(3):
            while (await world.reader.load(str(number))).steps[2].state is not StepState.SUSPENDED:
                await sleep(CLOCK, 0.01)
            await world.event(str(number), 2, "go on")
        for each in ended:
            await each
        self.assertEqual((await world.reader.load("2")).actions[1].output["threads"], [False, False])
        await world.stop()
        threads.stop()

    async def test_a_thread_that_never_comes_back(self) -> None:
        """Keeps neither the service nor the process from ending."""
        gate = threading.Event()
        threads = Threads(reactor, 1)
        waiting: Deferred[Any] = threads.call(gate.wait)
        threads.stop()
        gate.set()
        self.assertTrue(await waiting)
        threads.stop()
