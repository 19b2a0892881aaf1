"""What owns a script on its host is killed there, by an administrator or for want of memory."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.internet.defer import Deferred

from smartdyn.rex import remote
from tests.integration.test_script_runner import ScriptTestCase
from tests.support.context import MemoryContext


class LostSupervisorTests(ScriptTestCase):
    """The script may go on; nobody will know how it ends."""

    async def test_while_the_script_prints(self) -> None:
        """The job ends and says so; what it has of the output, it has once and without a gap."""
        self.patch(remote, "_REST_LIMIT", 0.5)
        context = MemoryContext()
        script = "#!/bin/sh\ni=0\nwhile [ $i -lt 300000 ]; do i=$((i + 1)); echo $i; done\n"
        running = Deferred.fromCoroutine(self.runner(script).run(context, resumed=False))
        await context.first_output
        os.kill(self.supervisor(), signal.SIGKILL)
        await running
        self.assertEqual(context.status, "EXCEPTION")
        self.assertIn("exit status", context.text("debug"))
        lines = context.text().split("\n")[:-1]
        self.assertEqual(lines, [str(number) for number in range(1, len(lines) + 1)])

    def supervisor(self) -> int:
        """The process that waits for the script."""
        folder = next(Path(self.base).iterdir())
        pid = (folder / "pid").read_text().split()[1]
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
