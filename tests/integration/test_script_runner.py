"""Scripts on a real OpenSSH host."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from smartdyn.rex import script_runner
from smartdyn.rex.hosts import Hosts
from smartdyn.rex.script_runner import ScriptRunner
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import conceal_secrets
from tests.support import sshd
from tests.support.context import MemoryContext
from tests.support.sshd import PASSPHRASE, password_of

_HOW_OFTEN = """#!/bin/sh
sleep 0.6
for process in $(pgrep -x tail); do
  [ "$(tr "\\0" "\\n" </proc/$process/cmdline | tail -n 1)" = "${0%/*}/output" ] && follower=$process
done
woken() { awk '/^voluntary/ { print $2 }' /proc/$follower/status; }
before=$(woken)
sleep 1
echo $(($(woken) - before))
"""
"""How often the process that passes on this script's output is woken in a second without any."""


def later(seconds: float) -> Deferred[None]:
    """Fires after a while."""
    waiting: Deferred[None] = Deferred()
    clock: Any = reactor
    clock.callLater(seconds, waiting.callback, None)
    return waiting


class ScriptTestCase(TestCase):
    """Runs scripts as Foreman would have them run."""

    timeout = 300

    def setUp(self) -> None:
        self.server = sshd.shared()
        self.base = f"/var/tmp/smartdyn-test-{uuid.uuid4().hex[:8]}"
        Path(self.base).mkdir(mode=0o777)
        Path(self.base).chmod(0o777)
        self.addCleanup(subprocess.run, ["rm", "-rf", self.base], check=False)
        self.settings = RunnerSettings(
            known_hosts=Path(self.mktemp()), identity_key=self.server.key(), kill_grace=0.5, kill_limit=10
        )

    def hosts(self) -> Hosts:
        """Connections with these settings."""
        hosts = Hosts(reactor, self.settings, random.random)
        self.addCleanup(hosts.stop)
        return hosts

    def runner(self, script: str, *, id: str | None = None, hosts: Hosts | None = None, **input: Any) -> ScriptRunner:
        """A runner for a script."""
        fields = {
            "hostname": "127.0.0.1",
            "ssh_port": self.server.port,
            "ssh_user": "root",
            "script": script,
            "remote_working_dir": self.base,
            **input,
        }
        return ScriptRunner(id or str(uuid.uuid4()), conceal_secrets(fields), hosts or self.hosts())

    async def run_script(self, script: str, **input: Any) -> MemoryContext:
        """Run it to its end."""
        context = MemoryContext()
        await self.runner(script, **input).run(context, resumed=False)
        return context

    def is_running(self, pid: str) -> bool:
        """Is a process on the host more than a body that nobody has taken away yet?"""
        state = Path("/proc", pid, "stat")
        return state.exists() and ") Z " not in state.read_text()

    def left_behind(self) -> list[str]:
        """What is left on the host."""
        return sorted(path.name for path in Path(self.base).iterdir())


class OutcomeTests(ScriptTestCase):
    """How scripts end."""

    async def test_success(self) -> None:
        """Output and exit status are the script's, and nothing is left on the host."""
        context = await self.run_script("#!/bin/sh\necho hello\nid -un\n")
        self.assertEqual((context.text(), context.status), ("hello\nroot\n", 0))
        self.assertEqual(self.left_behind(), [])

    async def test_failure(self) -> None:
        """A non-zero status is reported as it is."""
        self.assertEqual((await self.run_script("exit 3")).status, 3)

    async def test_death_by_signal(self) -> None:
        """A script that dies by a signal exits with 128 and the signal's number."""
        self.assertEqual((await self.run_script("#!/bin/sh\nkill -KILL $$\n")).status, 137)

    async def test_invalid_utf8(self) -> None:
        """Bytes that are no text are replaced, and the job goes on."""
        context = await self.run_script("#!/bin/sh\nprintf 'bad:\\377\\376 end\\n'\n")
        self.assertEqual((context.text(), context.status), ("bad:\ufffd\ufffd end\n", 0))

    async def test_stderr_keeps_its_place(self) -> None:
        """Output and errors come in the order in which they were printed."""
        context = await self.run_script("#!/bin/sh\necho 1\necho 2 >&2\necho 3\n")
        self.assertEqual(context.text(), "1\n2\n3\n")

    async def test_carriage_returns_are_removed(self) -> None:
        """A script that was edited elsewhere runs."""
        self.assertEqual((await self.run_script("#!/bin/sh\r\necho ok\r\n")).text(), "ok\n")

    async def test_large_output_comes_whole(self) -> None:
        """Twenty megabytes of lines arrive, to the last byte."""
        context = await self.run_script("#!/bin/sh\nseq 1 2500000\n")
        expected = sum(len(str(number)) + 1 for number in range(1, 2_500_001))
        self.assertEqual((len(context.text()), context.offset, context.status), (expected, expected, 0))

    async def test_a_quiet_script_costs_its_host_next_to_nothing(self) -> None:
        """What waits for output is woken by it, and otherwise looks ten times a second at most if it is over."""
        context = await self.run_script(_HOW_OFTEN)
        self.assertLess(int(context.text()), 15)

    async def test_cleanup_can_be_declined(self) -> None:
        """With cleanup_working_dirs off the directory stays."""
        await self.run_script("true", cleanup_working_dirs=False)
        self.assertEqual(len(self.left_behind()), 1)


class UserTests(ScriptTestCase):
    """Logging in and changing the user."""

    async def test_password_login(self) -> None:
        """The ssh password logs in."""
        self.settings = replace(self.settings, identity_key=None)
        context = await self.run_script("id -un", ssh_user="rexssh", secrets={"ssh_password": password_of("rexssh")})
        self.assertEqual((context.text(), context.status), ("rexssh\n", 0))

    async def test_an_account_that_has_expired(self) -> None:
        """sshd hangs up without a word; where to look for the reason is said."""
        sshd.make_account("rexexpired")
        subprocess.run(["chage", "-E", "0", "rexexpired"], check=True)
        context = await self.run_script("true", ssh_user="rexexpired")
        self.assertEqual(context.status, "EXCEPTION")
        self.assertIn("while rexexpired logged in; sshd's log there says why", context.text("debug"))

    async def test_a_protected_key(self) -> None:
        """The passphrase opens the proxy's key."""
        self.settings = replace(self.settings, identity_key=self.server.key("locked"))
        context = await self.run_script("id -un", secrets={"key_passphrase": PASSPHRASE})
        self.assertEqual(context.text(), "root\n")

    async def test_sudo_without_password(self) -> None:
        """sudo changes the user."""
        context = await self.run_script("id -un", ssh_user="rexssh", effective_user="root")
        self.assertEqual((context.text(), context.status), ("root\n", 0))

    async def test_sudo_with_password(self) -> None:
        """The password is typed at the prompt, and neither is seen in the output."""
        context = await self.run_script(
            "id -un",
            ssh_user="rexpw",
            effective_user="root",
            secrets={"effective_user_password": password_of("rexpw")},
        )
        self.assertEqual((context.chunks, context.status), ([("stdout", "root\n")], 0))

    async def test_sudo_with_a_wrong_password(self) -> None:
        """Nothing is run, the words are the known ones, and the password is not in them."""
        context = await self.run_script(
            "touch ran", ssh_user="rexpw", effective_user="root", secrets={"effective_user_password": "wrong-planted"}
        )
        self.assertEqual(context.status, "EXCEPTION")
        self.assertIn(
            "Error initializing command: RuntimeError - Failed to change to effective user, exit code: 1",
            context.text("debug"),
        )
        self.assertNotIn("planted", context.text("debug"))
        self.assertEqual(self.left_behind(), [])

    async def test_su_with_password(self) -> None:
        """su takes the target's password."""
        context = await self.run_script(
            "id -un",
            ssh_user="rexssh",
            effective_user="rexeff",
            effective_user_method="su",
            secrets={"effective_user_password": password_of("rexeff")},
        )
        self.assertEqual((context.text(), context.status), ("rexeff\n", 0))

    async def test_an_unknown_method(self) -> None:
        """It is named, in the reference's words."""
        context = await self.run_script("true", ssh_user="rexssh", effective_user="root", effective_user_method="magic")
        self.assertEqual(
            context.chunks, [("debug", "Proxy error: RuntimeError - effective_user_method 'magic' not supported")]
        )
        self.assertEqual(context.status, "EXCEPTION")

    async def test_no_way_in(self) -> None:
        """The words are those that Foreman's users search for."""
        context = await self.run_script("true", ssh_user="nosuchuser")
        self.assertEqual(
            context.text("debug"),
            "Error initializing command: RuntimeError - Could not establish connection to remote host using any "
            "available authentication method, tried publickey\n\nAuthentication method 'publickey' failed with:\n"
            "nosuchuser@127.0.0.1: Permission denied (publickey,password).\r\n",
        )
        self.assertEqual(context.status, "EXCEPTION")


class StopTests(ScriptTestCase):
    """Stopping jobs."""

    async def test_a_running_script_is_killed_with_all_it_started(self) -> None:
        """The whole tree ends, the status is 255, and nothing is left."""
        mark = f"999{random.randrange(10**6)}"
        runner, context = self.runner(f"#!/bin/sh\necho started\nsleep {mark} & sleep {mark}\n"), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        await runner.kill()
        await running
        self.assertEqual((context.text(), context.status), ("started\n", 255))
        found = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False)
        self.assertEqual(found.stdout, b"")
        self.assertEqual(self.left_behind(), [])

    async def test_a_script_that_ignores_the_request_is_made_to_end(self) -> None:
        """After the grace it is killed for good."""
        runner, context = self.runner("#!/bin/sh\ntrap '' TERM\necho started\nsleep 60\nsleep 60\n"), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        await runner.kill()
        await running
        self.assertEqual(context.status, 255)

    async def test_a_job_stopped_before_it_connects_never_runs(self) -> None:
        """A cancel that comes early is not lost."""
        runner, context = self.runner(f"touch {self.base}/ran"), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await runner.kill()
        await running
        self.assertEqual((context.status, self.left_behind()), (255, []))

    async def test_a_timeout_says_so(self) -> None:
        """The debug chunk comes before the end."""
        runner, context = self.runner("#!/bin/sh\necho started\nsleep 60\n"), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        await context.first_output
        await runner.timeout(context)
        await running
        self.assertEqual(
            context.chunks,
            [("stdout", "started\n"), ("debug", "Timeout for execution passed, trying to stop the job")],
        )
        self.assertEqual(context.status, 255)


class StopEarlyTests(ScriptTestCase):
    """Stopping jobs that have not got as far as running."""

    async def stopped(self, runner: ScriptRunner, when: Callable[[], bool]) -> MemoryContext:
        """Stop a job at some moment, and wait for its end."""
        context = MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        while not when():
            await later(0.02)
        await runner.kill()
        await running
        return context

    def silent_port(self) -> int:
        """A port on which connections are taken, and nothing is ever said."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        port: int = silent.getsockname()[1]
        return port

    def slow_host(self, sessions: int) -> Path:
        """Have the host dawdle over its first sessions.

        @return: where it says that it does.
        """
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        command = folder / "dawdle"
        command.write_text(
            f"""#!/bin/sh
if [ $(ls {folder} | wc -l) -le {sessions} ]; then touch {folder}/$$; exec sleep 1000; fi
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""
        )
        command.chmod(0o755)
        self.server = sshd.shared(f"ForceCommand {command}")
        self.settings = replace(self.settings, identity_key=self.server.key(), kill_limit=3)
        return folder

    async def test_while_it_connects(self) -> None:
        """The attempt is dropped at once, and nothing is said of an error."""
        runner = self.runner("true", ssh_port=self.silent_port())
        context = await self.stopped(runner, lambda: True)
        self.assertEqual((context.status, context.chunks), (255, []))

    async def test_the_time_is_up_while_it_connects(self) -> None:
        """That is said, and the attempt is dropped."""
        runner, context = self.runner("true", ssh_port=self.silent_port()), MemoryContext()
        running = Deferred.fromCoroutine(runner.run(context, resumed=False))
        self.assertIn("Connecting to", context.notes[-1])
        await runner.timeout(context)
        await running
        self.assertEqual(context.chunks, [("debug", "Timeout for execution passed, trying to stop the job")])
        self.assertEqual(context.status, 255)

    async def test_while_it_waits_for_its_turn(self) -> None:
        """It leaves the queue."""
        self.settings = replace(self.settings, connections_at_once=1)
        hosts, port = self.hosts(), self.silent_port()
        first, second = (self.runner("true", ssh_port=port, ssh_user=user, hosts=hosts) for user in ("a", "b"))
        ahead = MemoryContext()
        running = Deferred.fromCoroutine(first.run(ahead, resumed=False))
        context = await self.stopped(second, lambda: True)
        self.assertEqual(context.status, 255)
        self.assertIn("waits for its turn", context.notes[-1])
        await first.kill()
        await running

    async def test_while_the_host_prepares(self) -> None:
        """What was sent is withdrawn: the script is not run later, and nothing stays on the host."""
        folder = self.slow_host(sessions=1)
        ran = folder.parent / "ran"
        context = await self.stopped(self.runner(f"touch {ran}"), lambda: len(list(folder.iterdir())) > 1)
        self.assertEqual((context.status, context.text("debug")), (255, ""))
        self.assertFalse(ran.exists())
        self.assertEqual(self.left_behind(), [])

    async def test_a_host_that_does_nothing_at_all(self) -> None:
        """The job ends all the same, and says what is not known."""
        folder = self.slow_host(sessions=1000)
        context = await self.stopped(self.runner("true"), lambda: len(list(folder.iterdir())) > 1)
        self.assertEqual(context.status, "EXCEPTION")
        self.assertIn("may still be running on the host", context.text("debug"))


class PowerTests(ScriptTestCase):
    """Scripts that restart or shut down their host."""

    def setUp(self) -> None:
        super().setUp()
        self.server = sshd.Sshd()
        self.server.start()
        self.addCleanup(self.server.stop)
        self.settings = replace(self.settings, identity_key=self.server.key(), reconnect_limit=2)
        self.patch(script_runner, "_POWER_OFF_LIMIT", 1.0)

    async def power_off(self, said: str) -> MemoryContext:
        """The host goes away for good while the script runs."""
        context = MemoryContext()
        running = Deferred.fromCoroutine(self.runner(f"echo '{said}'; exec sleep 30").run(context, resumed=False))
        await context.first_output
        self.server.stop()
        await running
        return context

    async def test_a_host_that_was_told_to_go(self) -> None:
        """That it stays away is what was asked for."""
        context = await self.power_off("restart host")
        self.assertEqual(context.status, 0, context.chunks)

    async def test_a_host_that_goes_by_itself(self) -> None:
        """Nothing is known of the job, and that is said."""
        context = await self.power_off("restart the host")
        self.assertEqual(context.status, "EXCEPTION")
        self.assertIn("was not reachable for 2 s", context.text("debug"))

    async def reboot(self, said: str, leaves: bool) -> MemoryContext:
        """The host goes and is soon there again.

        @param leaves: the job's directory outlives that.
        """
        context = MemoryContext()
        running = Deferred.fromCoroutine(self.runner(f"echo '{said}'; exec sleep 30").run(context, resumed=False))
        await context.first_output
        folder = next(Path(self.base).iterdir())
        word, pid, *fields, _ = (folder / "pid").read_text().split()
        supervisor = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        self.server.kill_sessions()
        (folder / "pid").write_text(" ".join((word, pid, *fields, str(uuid.uuid4()))) + "\n")
        if not leaves:
            subprocess.run(["rm", "-rf", folder], check=True)
        for each in (supervisor, pid):
            os.kill(int(each), signal.SIGKILL)
        await running
        return context

    async def test_a_host_that_comes_back(self) -> None:
        """A script that did not get to its end is what was to be expected, also where the directory does not last."""
        for leaves in (True, False):
            context = await self.reboot("restart host", leaves)
            self.assertEqual(context.status, 0, context.chunks)

    async def test_a_host_that_was_not_told_to_restart(self) -> None:
        """That it did is said."""
        context = await self.reboot("restart the host", True)
        self.assertEqual(context.status, "EXCEPTION")
        self.assertIn("was restarted while the script was running", context.text("debug"))

    async def test_a_host_that_stays(self) -> None:
        """The script's own status counts, whatever it said."""
        context = await self.run_script("echo 'shutdown host'; exit 1")
        self.assertEqual(context.status, 1)
