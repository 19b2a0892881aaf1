"""The service is killed again and again, and nothing is lost or done twice."""

from __future__ import annotations

import os
import random
import sqlite3
import uuid
from collections import Counter
from contextlib import closing
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from smartdyn.aio import sleep
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess

SOAK = "SMARTDYN_SOAK" in os.environ
KILLS = 50 if SOAK else 6
PLANS = 10_000 if SOAK else 900
AT_ONCE = 25
CLOCK: Any = reactor


class KillTests(TestCase):
    """C{kill -9} at random moments."""

    timeout = 1800

    async def start(self) -> None:
        """A service with its Foreman."""
        self.foreman = RecordingForeman()
        self.service = ServiceProcess({"foreman_url": self.foreman.start(reactor), "execution_plan_cleaner_age": 0})
        self.addCleanup(lambda: Deferred.fromCoroutine(self.end()))
        await self.service.start()
        self.client = Client(reactor, self.service.url)
        self.effects = self.service.folder / "effects"

    async def end(self) -> None:
        """Stop both."""
        await self.service.kill()
        await self.foreman.stop()

    def launches(self, number: int) -> list[dict[str, Any]]:
        """Batches of jobs with an effect, as Foreman sends them."""
        found = []
        for _ in range(0, number, AT_ONCE):
            batch = {}
            for _ in range(AT_ONCE):
                key = str(uuid.uuid4())
                job = {"file": str(self.effects), "callback": {"task_id": key, "step_id": 3}}
                batch[key] = {"action_class": "Rig::Effect", "action_input": job}
            found.append({"operation": "ssh", "input": batch})
        return found

    async def launch(self, body: dict[str, Any], refused: list[dict[str, Any]]) -> None:
        """Launch a batch; one without an answer has to be repeated."""
        try:
            reply = await self.client.request("POST", "/tasks/launch", body)
            self.assertEqual(reply.status, 200, reply.content)
        except self.failureException:
            raise
        except Exception:
            refused.append(body)

    async def test_kill(self) -> None:
        """Every accepted job ends, runs at most once, exactly once if it says that it went well, and is reported.

        Killed between a job's effect and the note of it, the job fails: it is not run again unasked.
        """
        seed = random.randrange(10**6)
        chance = random.Random(seed)
        await self.start()
        todo = self.launches(PLANS)
        ids = [key for body in todo for key in body["input"]]
        for left in range(KILLS, 0, -1):
            share = -(-len(todo) // left)
            now, todo = todo[:share], todo[share:]
            for body in now:
                Deferred.fromCoroutine(self.launch(body, todo)).addErrback(lambda failure: self.fail(str(failure)))
            await sleep(CLOCK, chance.uniform(0.01, 0.2))
            await self.service.kill()
            await sleep(CLOCK, 0.05)
            await self.service.start()
        while todo:
            await self.launch(todo.pop(), todo)
        # In this order: what is planned is running next
        for state in ("planned", "running"):
            await self.client.until(f"/tasks/count?state={state}", lambda body: body["count"] == 0)
        self.check(ids, f"seed {seed}")
        await self.reported(ids)

    def check(self, ids: list[str], message: str) -> None:
        """What the database and the effects say."""
        with closing(sqlite3.connect(self.service.folder / "smartdyn.sqlite")) as database:
            found = {row[0]: row[1:] for row in database.execute("SELECT id, state, result FROM plans")}
        effects = Counter(self.effects.read_text().split())
        self.assertEqual([key for key in ids if key not in found], [], message)
        self.assertEqual({found[key][0] for key in ids}, {"stopped"}, message)
        for key in ids:
            self.assertLessEqual(effects[key], 1, message)
            if found[key][1] == "success":
                self.assertEqual(effects[key], 1, message)
        succeeded = sum(found[key][1] == "success" for key in ids)
        self.assertGreater(succeeded, len(ids) / 2, message)

    async def reported(self, ids: list[str]) -> None:
        """Foreman hears of every one."""
        for _ in range(600):
            heard = {body["callback"]["task_id"] for body in self.foreman.delivered()}
            if heard >= set(ids):
                return
            await sleep(CLOCK, 0.1)
        self.fail(f"Foreman was not told of {len(set(ids) - heard)} jobs")
