"""What passes on a script's output on its host, where that is not as usual."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.internet.defer import Deferred

from smartdyn.rex import remote
from tests.integration.test_script_runner import ScriptTestCase
from tests.support.context import MemoryContext

_WATCHED = """#!/bin/sh
sleep 0.6
watched=0
for process in $(pgrep -x tail); do
  if [ "$(readlink /proc/$process/fd/0)" = "${0%/*}/output" ] && ls -l /proc/$process/fd | grep -q inotify; then
    watched=$((watched + 1))
  fi
  case $(tr '\\0' ' ' </proc/$process/cmdline) in *" ${0%/*}/output "*) watched=$((watched + 1)) ;; esac
done
echo watched: $watched
sleep 0.3
echo last
exit 3
"""


class CrowdTests(ScriptTestCase):
    """There are many jobs on one host."""

    async def test_they_look_for_output_now_and_then(self) -> None:
        """Nobody uses up what a user may watch, output comes whole, and the end is seen."""
        self.add_jobs(" " * 79 + "\n")
        context = await self.run_script(_WATCHED)
        self.assertEqual((context.text(), context.status), ("watched: 0\nlast\n", 3))

    async def test_what_was_kept_of_others_is_no_crowd(self) -> None:
        """However many directories there are, of jobs that have ended."""
        self.add_jobs("exit 0 2 complete end\n")
        context = await self.run_script(_WATCHED)
        self.assertEqual((context.text(), context.status), ("watched: 1\nlast\n", 3))

    def add_jobs(self, exit_code: str) -> None:
        """Directories of other jobs, with these contents of C{exit_code}."""
        for number in range(60):
            folder = Path(self.base, f"foreman-ssh-cmd-{number}")
            folder.mkdir()
            folder.joinpath("exit_code").write_text(exit_code)
            os.mkfifo(folder / "alive")


class LostSupervisorTests(ScriptTestCase):
    """The script may go on; nobody will know how it ends.

    What owns a script was killed by an administrator, or for want of memory.
    """

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
