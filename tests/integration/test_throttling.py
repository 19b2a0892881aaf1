"""A host whose sshd turns most of us away, because too many log in at once."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, gatherResults

from tests.integration.test_script_runner import ScriptTestCase
from tests.support import sshd
from tests.support.context import MemoryContext

JOBS = 30

THROTTLED = "MaxStartups 2:50:4"


class ThrottlingTests(ScriptTestCase):
    """MaxStartups of sshd_config(5)."""

    def setUp(self) -> None:
        super().setUp()
        self.server = sshd.shared(THROTTLED)
        self.settings = replace(
            self.settings, identity_key=self.server.key(), sessions_per_connection=1, keep_connection=0
        )

    async def test_all_jobs_end_right(self) -> None:
        """With a connection for each job, those that are turned away get in later; none fails."""
        hosts = self.hosts()
        contexts = [MemoryContext() for _ in range(JOBS)]
        runs = [
            self.runner(f"echo {number}", hosts=hosts).run(context, resumed=False)
            for number, context in enumerate(contexts)
        ]
        await gatherResults([Deferred.fromCoroutine(run) for run in runs])
        ends = [(context.status, context.text(), context.text("debug")) for context in contexts]
        self.assertEqual(ends, [(0, f"{number}\n", "") for number in range(JOBS)])
        self.assertIn("MaxStartups throttling", self.server.log.read_text())
