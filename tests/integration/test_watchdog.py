"""A service that hangs for real: what systemd hears of it, what C{/health} says, and what becomes of it.

Threads of the process are stopped one by one, as a disk that never answers would. The limits are lowered, since they
are up to minutes; packaging/check/inside.py waits for the real ones.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from smartdyn.aio import sleep
from tests.integration.test_systemd import CLOCK, SystemdTestCase
from tests.support.freezing import busiest_thread, frozen
from tests.support.http import Client
from tests.support.sshd import free_port

LAUNCH = {"action_name": "Rig::Noop", "action_input": {}}
CRITICAL = "If that lasts, systemd starts the service again"


class WatchdogTestCase(SystemdTestCase):
    """Has a service that is watched."""

    timeout = 180
    if os.geteuid() != 0:
        skip = "only root may stop threads of other processes everywhere"

    async def start_watched(self, patience: str = "", **settings: Any) -> None:
        """Start a service that is to be heard of twice a second.

        @param patience: the limit that is lowered, by its module and name, and the seconds that it is then.
        """
        environment = {"WATCHDOG_USEC": "1000000", **({"SMARTDYN_TEST_PATIENCE": patience} if patience else {})}
        await self.start(environment, **settings)
        self.client = Client(CLOCK, self.service.url)
        await self.until_heard("WATCHDOG=1")

    def lock(self) -> sqlite3.Connection:
        """Take the database as a backup or a curious admin may."""
        other = sqlite3.connect(self.service.folder / "smartdyn.sqlite", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        return other

    def post(self) -> None:
        """Launch something; nobody waits for the answer."""
        Deferred.fromCoroutine(self.client.request("POST", "/tasks", LAUNCH)).addBoth(lambda _: None)

    async def until_health(self, path: str, status: int, reason: str) -> None:
        """Ask until the answer is as wanted."""
        reply = None
        for _ in range(1000):
            reply = await self.client.request("GET", f"/health/{path}")
            if reply.status == status and reason in " ".join(reply.json["reasons"]):
                return
            await sleep(CLOCK, 0.1)
        self.fail(f"/health/{path}: {reply}")

    async def until_silent(self) -> None:
        """The service looks at itself twice more, and systemd hears nothing of it."""
        await self.until_logged(CRITICAL)
        self.heard.read()
        said = self.service.log.read_text().count(CRITICAL)
        while self.service.log.read_text().count(CRITICAL) < said + 3:
            await sleep(CLOCK, 0.05)
        self.assertNotIn("WATCHDOG=1", self.heard.read())

    async def begin_again(self) -> None:
        """Do what systemd does when it has heard nothing for too long; afterwards the service works."""
        self.service.signal(signal.SIGABRT)
        self.assertEqual(await deferToThread(self.service.wait_now), -signal.SIGABRT)
        await self.until_logged("Fatal Python error: Aborted")
        await self.service.start()
        await self.until_heard("WATCHDOG=1")
        self.assertEqual((await self.client.request("POST", "/tasks", LAUNCH)).status, 200)


class StuckTests(WatchdogTestCase):
    """Something never comes back."""

    async def test_a_stuck_writer(self) -> None:
        """A commit that never ends is named by both routes and the log; systemd hears nothing, and a restart helps."""
        await self.start_watched("health.moving.WRITER_LIMIT=2")
        thread = await deferToThread(busiest_thread, self.service.pid, self.launch)
        with closing(self.lock()) as other:
            self.post()
            await self.until_logged("the database is locked by another process")
            with frozen(thread):
                other.execute("ROLLBACK")
                await self.until_health("live", 503, "A commit to the database has been under way")
                await self.until_health("ready", 503, "A commit has been under way")
                await self.until_silent()
                await self.begin_again()

    async def test_a_stuck_reader(self) -> None:
        """Likewise with a question to the database that is never answered; the routes themselves do answer."""
        await self.start_watched("health.moving.READER_LIMIT=2")
        with frozen(await deferToThread(busiest_thread, self.service.pid, self.ask)):
            await self.until_health("ready", 503, "The database has not answered within 5 s")
            await self.until_health("live", 503, "The database has not answered for")
            await self.until_silent()
            await self.begin_again()

    async def test_a_stuck_outbox(self) -> None:
        """Likewise with an outbox that never learns what it is to send."""
        await self.start_watched("health.moving.OUTBOX_LIMIT=2", foreman_url=f"http://127.0.0.1:{free_port()}")
        launch = {"action_name": "Rig::NoopCallback", "action_input": {"callback": {"task_id": "t", "step_id": 3}}}
        self.assertEqual((await self.client.request("POST", "/tasks", launch)).status, 200)
        with frozen(await deferToThread(busiest_thread, self.service.pid, self.ask)):
            await self.until_health("live", 503, "The outbox has been busy with one thing for")
            await self.until_health("ready", 503, "It has been busy with one thing for")
            await self.until_silent()
            await self.begin_again()

    async def test_a_stuck_reactor(self) -> None:
        """Nothing is said or answered any more; the stacks are in the log all the same when systemd ends it."""
        await self.start_watched()
        with frozen(self.service.pid):
            self.heard.read()
            with self.assertRaises(TimeoutError):
                await deferToThread(self.heard.wait, "WATCHDOG=1", 3)
            await self.begin_again()

    def launch(self) -> None:
        """Have the database written to again and again."""
        for _ in range(100):
            body = json.dumps(LAUNCH).encode()
            request = Request(f"{self.service.url}/tasks", body, {"Content-Type": "application/json"})
            urlopen(request, timeout=30).close()

    def ask(self) -> None:
        """Have the database read again and again."""
        for number in range(200):
            try:
                urlopen(f"{self.service.url}/tasks/unknown-{number}/status", timeout=30).close()
            except HTTPError as error:
                error.close()


class LockedTests(WatchdogTestCase):
    """Another process holds the database."""

    async def test_a_lock(self) -> None:
        """The service is not ready and says why, but alive; it is ready again as soon as the lock is gone."""
        await self.start_watched("store.database._BUSY_LIMIT=2")
        with closing(self.lock()):
            self.post()
            await self.until_health("ready", 503, "cannot be written: database is locked")
            self.heard.read()
            await self.until_heard("WATCHDOG=1")
            self.assertEqual((await self.client.request("GET", "/health/live")).status, 200)
        await self.until_health("ready", 200, "")
        self.assertEqual((await self.client.request("POST", "/tasks", LAUNCH)).status, 200)
