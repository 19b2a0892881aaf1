"""Jobs that lose their connection or their service, on a real OpenSSH host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.threads import deferToThread

from smartdyn.ssh import Deadlines
from tests.integration.test_script_runner import ScriptTestCase, later
from tests.support.context import MemoryContext
from tests.support.network import RemoteHost


class ContinuityTests(ScriptTestCase):
    """Jobs outlive connections and services."""

    async def test_a_broken_connection_loses_and_doubles_nothing(self) -> None:
        """We connect again and go on at the next byte; the script ran once."""
        script = f"#!/bin/sh\necho ran >> {self.base}/count\nfor i in $(seq 1 30); do echo line $i; sleep 0.1; done\n"
        runner, context = self.runner(script), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        await later(0.3)
        self.server.kill_sessions()
        await running
        self.assertEqual(context.text(), "".join(f"line {number}\n" for number in range(1, 31)))
        self.assertEqual((context.status, Path(self.base, "count").read_text()), (0, "ran\n"))
        (said,) = [note for note in context.notes if note.endswith(". The script goes on there meanwhile.")]
        self.assertTrue(said.startswith("The connection to 127.0.0.1 was lost: "), said)
        self.assertEqual([round(delay) for delay in context.retries], [1])

    async def test_a_host_that_falls_silent(self) -> None:
        """Nobody says that the cable is pulled: we notice, say so, and go on when it is back; the script ran once."""
        host = RemoteHost()
        await deferToThread(host.start)
        self.addCleanup(host.stop)
        self.settings = replace(
            self.settings, identity_key=host.key(), keepalive=0.5, deadlines=Deadlines(connect=1.0, handshake=1.0)
        )
        script = f"#!/bin/sh\necho ran >> {self.base}/count\nfor i in $(seq 1 100); do echo $i; sleep 0.1; done\n"
        runner, context = self.runner(script, hostname=host.address, ssh_port=host.port), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        host.pull_cable()
        while not context.retries:
            await later(0.1)
        before = len(context.text().split())
        await later(2)
        self.assertEqual(len(context.text().split()), before)
        host.plug_cable()
        await running
        self.assertIn(
            f"The connection to {host.address} was lost: the host did not answer for 1.5 s. "
            "The script goes on there meanwhile.",
            context.notes,
        )
        self.assertEqual(context.text().split(), [str(number) for number in range(1, 101)])
        self.assertEqual((context.status, Path(self.base, "count").read_text()), (0, "ran\n"))

    async def test_a_restarted_service_goes_on_where_it_stopped(self) -> None:
        """Another runner of the same id follows the script to its end; the script ran once."""
        script = f"#!/bin/sh\necho ran >> {self.base}/count\nfor i in $(seq 1 20); do echo line $i; sleep 0.1; done\n"
        runner, context = self.runner(script), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        running.cancel()
        await self.assertFailure(running, CancelledError)
        self.assertIsNone(context.status)
        await self.runner(script, id=runner.id).run(context, resumed=True)
        self.assertEqual(context.text(), "".join(f"line {number}\n" for number in range(1, 21)))
        self.assertEqual((context.status, Path(self.base, "count").read_text()), (0, "ran\n"))

    async def test_a_script_that_ended_meanwhile(self) -> None:
        """Its output and status are still there for the restarted service."""
        script = "#!/bin/sh\necho first\nsleep 0.5\necho last\nexit 7\n"
        runner, context = self.runner(script), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        running.cancel()
        await self.assertFailure(running, CancelledError)
        await later(1)
        await self.runner(script, id=runner.id).run(context, resumed=True)
        self.assertEqual((context.text(), context.status), ("first\nlast\n", 7))

    async def test_a_job_that_was_never_started_is_started(self) -> None:
        """A service that died before it got to the host starts the job after all."""
        context = MemoryContext()
        await self.runner("echo late").run(context, resumed=True)
        self.assertEqual((context.text(), context.status), ("late\n", 0))

    async def test_a_job_whose_directory_is_gone_is_not_run_again(self) -> None:
        """It may have run: that is said, and nothing is run twice."""
        context = MemoryContext()
        context.begun = True
        await self.runner(f"touch {self.base}/ran").run(context, resumed=True)
        self.assertEqual((context.status, self.left_behind()), ("EXCEPTION", []))
        self.assertIn("is gone", context.text("debug"))
