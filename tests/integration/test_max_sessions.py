"""A host that lets a connection have one session, where a password takes two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults

from smartdyn.rex.hosts import Hosts
from smartdyn.rex.script_runner import ScriptRunner
from tests.integration.test_script_runner import ScriptTestCase, later
from tests.support import sshd
from tests.support.context import MemoryContext
from tests.support.sshd import password_of

JOBS = 3


class MaxSessionsTests(ScriptTestCase):
    """C{MaxSessions 1} of sshd_config(5), and jobs whose password is typed on a session of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.server = sshd.shared("Match all\nMaxSessions 1")
        self.settings = replace(self.settings, identity_key=self.server.key())

    def job(self, script: str, hosts: Hosts) -> ScriptRunner:
        """One that sudo wants a password for."""
        secrets = {"effective_user_password": password_of("rexpw")}
        return self.runner(script, hosts=hosts, ssh_user="rexpw", effective_user="root", secrets=secrets)

    async def test_several_at_once(self) -> None:
        """Each gets a second connection for its password, and all run."""
        hosts = self.hosts()
        contexts = [MemoryContext() for _ in range(JOBS)]
        runs = [
            self.job(f"echo {number}; id -un", hosts).run(context, resumed=False)
            for number, context in enumerate(contexts)
        ]
        await gatherResults([Deferred.fromCoroutine(run) for run in runs])
        ends = [(context.status, context.text(), context.text("debug")) for context in contexts]
        self.assertEqual(ends, [(0, f"{number}\nroot\n", "") for number in range(JOBS)])
        self.assertIn("no more sessions", self.server.log.read_text())
        self.assertEqual(self.left_behind(), [])

    async def test_stopping_them(self) -> None:
        """All end, and neither processes nor directories nor sessions are left."""
        hosts = self.hosts()
        contexts = [MemoryContext() for _ in range(JOBS)]
        pids = Path(self.base, "pids")
        jobs = [self.job(f"#!/bin/sh\necho $$ >> {pids}\necho started\nsleep 600\n", hosts) for _ in contexts]
        runs = [
            Deferred.fromCoroutine(job.run(context, resumed=False)) for job, context in zip(jobs, contexts, strict=True)
        ]
        await gatherResults([context.first_output for context in contexts])
        for job in jobs:
            await job.kill()
        await gatherResults(runs)
        self.assertEqual([context.status for context in contexts], [255] * JOBS)
        started = pids.read_text().split()
        self.assertEqual((len(started), [pid for pid in started if self.is_running(pid)]), (JOBS, []))
        self.assertEqual(self.left_behind(), ["pids"])
        while hosts.load().sessions:
            await later(0.05)
