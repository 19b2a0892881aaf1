"""Scripts on hosts whose SSH server is dropbear, as small devices have it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.integration.test_hosts_matrix import MatrixTestCase
from tests.integration.test_script_runner import later
from tests.support.context import MemoryContext
from tests.support.dropbear import Dropbear
from tests.support.sshd import password_of


class DropbearScriptTests(MatrixTestCase):
    """All that a job needs of its host's server."""

    def setUp(self) -> None:
        super().setUp()
        self.dropbear = Dropbear()
        self.addCleanup(self.dropbear.stop)
        self.dropbear.start()
        self.settings = replace(self.settings, identity_key=None)
        self.account: dict[str, Any] = {
            "ssh_port": self.dropbear.port,
            "ssh_user": "rexpw",
            "secrets": {"ssh_password": password_of("rexpw"), "effective_user_password": password_of("rexpw")},
        }

    async def test_every_kind_of_script(self) -> None:
        """They run as on hosts with OpenSSH."""
        await self.check_all(
            ssh_port=self.dropbear.port, ssh_user="rexssh", secrets={"ssh_password": password_of("rexssh")}
        )

    async def test_sudo_with_password(self) -> None:
        """The password is typed on a terminal of its own."""
        context = await self.run_script("id -un", **self.account, effective_user="root")
        self.assertEqual((context.chunks, context.status), ([("stdout", "root\n")], 0))
        self.assertEqual(self.left_behind(), [])

    async def test_much_output(self) -> None:
        """It comes to the last byte, through windows of another size than OpenSSH's."""
        context = await self.run_script("#!/bin/sh\nseq 1 300000\n", **self.account)
        self.assertEqual(context.text(), "".join(f"{number}\n" for number in range(1, 300_001)))

    async def test_a_broken_connection(self) -> None:
        """The job is found again and followed to its end; the script ran once."""
        script = f"#!/bin/sh\necho ran >> {self.base}/count\nfor i in $(seq 1 30); do echo $i; sleep 0.1; done\n"
        runner, context = self.runner(script, **self.account), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        await later(0.3)
        self.dropbear.kill_sessions()
        await running
        self.assertTrue(any("The script goes on there meanwhile" in note for note in context.notes), context.notes)
        self.assertEqual(context.text().split(), [str(number) for number in range(1, 31)])
        self.assertEqual((context.status, Path(self.base, "count").read_text()), (0, "ran\n"))

    async def test_stopping(self) -> None:
        """All that the script started ends, as whoever it runs, and nothing is left."""
        for user in ("rexpw", "root"):
            runner = self.runner(
                f"#!/bin/sh\necho $$ > {self.base}/pid-{user}\necho started\nsleep 600\n",
                **self.account,
                effective_user=user,
            )
            context = MemoryContext()
            running = Deferred.fromCoroutine(runner.run(context, resumed=False))
            await context.first_output
            await runner.kill()
            await running
            pid = Path(self.base, f"pid-{user}").read_text().strip()
            self.assertEqual((context.status, self.is_running(pid)), (255, False))
        self.assertEqual(self.left_behind(), ["pid-rexpw", "pid-root"])
