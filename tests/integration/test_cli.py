"""The command smartdyn against a real service and a real sshd."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import yaml
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from smartdyn.cli.failures import Status
from tests.support import sshd
from tests.support.certificates import Authority
from tests.support.command import Command, finished
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess
from tests.support.sshd import free_port

_NOBODY = 65534


class CliTestCase(TestCase):
    """Has a service, and the command beside it."""

    timeout = 300

    async def start(self, **settings: Any) -> Command:
        """Start the service."""
        self.service = ServiceProcess(settings)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))
        await self.service.start()
        self.client = Client(reactor, self.service.url)
        return Command(self.service)

    async def launch(self, action: str = "Rig::WaitForUpdate", count: int = 1) -> list[str]:
        """Launch some tasks."""
        ids = []
        for _ in range(count):
            body = {"operation": "single", "input": {"action_class": action, "action_input": {}}}
            ids.append((await self.client.request("POST", "/tasks/launch", body)).json["task_id"])
        return ids

    async def state(self, task: str) -> str:
        """The state of a task."""
        found: str = (await self.client.request("GET", f"/tasks/{task}/status")).json["state"]
        return found


class ResendTests(CliTestCase):
    """C{smartdyn tasks resend}."""

    async def test_a_result_that_foreman_refused(self) -> None:
        """Is sent again when somebody wants it, and arrives once; another time there is nothing to send."""
        foreman = RecordingForeman([404, 404])
        self.addCleanup(lambda: Deferred.fromCoroutine(foreman.stop()))
        smartdyn = await self.start(foreman_url=foreman.start(reactor))
        tasks = []
        for _ in range(2):
            job = {"action_class": "Rig::NoopCallback", "action_input": {"callback": {"task_id": "t", "step_id": 3}}}
            body = {"operation": "single", "input": job}
            tasks.append((await self.client.request("POST", "/tasks/launch", body)).json["task_id"])
        for task in tasks:
            await self.client.until(f"/api/tasks/{task}", lambda found: found["callbacks"][0]["state"] == "parked")
        status, output, errors = await smartdyn.run("tasks", "resend", tasks[0][:8])
        self.assertEqual((status, "1 result is sent" in output), (0, True), errors)
        await foreman.when_received(3)
        await self.client.until(f"/api/tasks/{tasks[0]}", lambda found: found["callbacks"][0]["state"] == "delivered")
        status, _, errors = await smartdyn.run("tasks", "resend", tasks[0])
        self.assertEqual((status, "has no result" in errors), (Status.REFUSED, True), errors)
        self.assertEqual((await smartdyn.run("tasks", "resend"))[0], Status.USAGE)
        status, output, _ = await smartdyn.run("tasks", "resend", "--all")
        self.assertEqual((status, "All tasks: 1 result is sent" in output), (0, True))
        await self.client.until(f"/api/tasks/{tasks[1]}", lambda found: found["callbacks"][0]["state"] == "delivered")
        self.assertEqual((foreman.count(), len(foreman.delivered())), (4, 2))


class LookingTests(CliTestCase):
    """What only looks."""

    async def test_list_and_show(self) -> None:
        """In each form the same tasks; the search is the console's; the beginning of an id is enough."""
        smartdyn = await self.start()
        waiting = await self.launch(count=2)
        (failed,) = await self.launch("Rig::RaiseInRun")
        await smartdyn.run("tasks", "halt", failed)
        status, output, _ = await smartdyn.run("tasks", "list")
        self.assertEqual((status, len(output.splitlines())), (0, 4))
        forms: dict[str, Any] = {}
        for form in ("json", "jsonl", "yaml", "csv"):
            status, forms[form], _ = await smartdyn.run("tasks", "list", "state:running", "-o", form)
            self.assertEqual(status, 0)
        wanted = {*waiting}
        self.assertEqual({task["id"] for task in json.loads(forms["json"])}, wanted)
        self.assertEqual({json.loads(line)["id"] for line in forms["jsonl"].splitlines()}, wanted)
        self.assertEqual({task["id"] for task in yaml.safe_load(forms["yaml"])}, wanted)
        rows = list(csv.DictReader(forms["csv"].splitlines()))
        self.assertEqual({row["id"] for row in rows}, wanted)
        self.assertEqual({row["state"] for row in rows}, {"running"})
        ids = (await smartdyn.run("tasks", "list", "state:running", "-o", "id"))[1]
        self.assertEqual({*ids.split()}, wanted)
        limited = (await smartdyn.run("tasks", "list", "-n", "1", "-o", "csv"))[1]
        self.assertEqual(len(limited.splitlines()), 2)
        oldest = (await smartdyn.run("tasks", "list", "--sort", "created", "--reverse", "-n", "1", "-o", "id"))[1]
        self.assertEqual([oldest.strip()], [await self.oldest(smartdyn)])
        states = (await smartdyn.run("tasks", "list", "-s", "state", "-o", "json"))[1]
        self.assertEqual(next(task["id"] for task in json.loads(states)), failed)
        status, output, _ = await smartdyn.run("tasks", "show", failed[:8])
        self.assertEqual(status, 0)
        self.assertIn(f"Task:    {failed}", output)
        self.assertIn("It failed: ", output)
        shown = json.loads((await smartdyn.run("tasks", "show", failed, "-o", "json"))[1])
        self.assertEqual(shown["task"]["result"], "error")

    async def oldest(self, smartdyn: Command) -> str:
        """The task that was created first."""
        tasks = json.loads((await smartdyn.run("tasks", "list", "-o", "json"))[1])
        return str(min(tasks, key=lambda task: (task["created_at"], task["id"]))["id"])

    async def test_following_a_paused_task(self) -> None:
        """Ends with what it waits for, since nothing comes until somebody decides."""
        smartdyn = await self.start()
        (paused,) = await self.launch("Rig::RaiseInRun")
        status, output, errors = await smartdyn.run("tasks", "tail", paused)
        self.assertEqual((status, output), (0, ""))
        self.assertIn("failed in run phase", errors)
        self.assertIn("`smartdyn tasks resume`", errors)

    async def test_statuses(self) -> None:
        """Each kind of failure has its own, and a sentence on standard error that says what to do."""
        smartdyn = await self.start()
        (task,) = await self.launch("Rig::Noop")
        gone = self.service.folder / "gone.sock"
        self.service.folder.chmod(0o755)
        for arguments, user, expected, words in (
            (("tasks", "list", "colour:red"), None, Status.USAGE, "there is no `colour:`"),
            (("tasks", "list", "--socket", str(gone)), None, Status.UNREACHABLE, "systemctl start smartdyn"),
            (("queue", "--url", f"http://127.0.0.1:{free_port()}"), None, Status.UNREACHABLE, "is --url right?"),
            (("queue", "--url", "ftp://a"), None, Status.USAGE, "is no URL"),
            (("tasks", "show", "ffffffff"), None, Status.NOT_FOUND, "There is no task ffffffff."),
            (("tasks", "halt", "f" * 36), None, Status.NOT_FOUND, "There is no task"),
            (("tasks", "resume", task), None, Status.REFUSED, "it cannot be resumed now"),
            (("tasks", "cancel"), None, Status.USAGE, "--query"),
            (("tasks", "list"), _NOBODY, Status.REFUSED, "Use sudo."),
        ):
            status, output, errors = await smartdyn.run(*arguments, user=user)
            self.assertEqual((status, output), (expected, ""), (arguments, errors))
            self.assertIn(words, errors)
            self.assertEqual(errors.count("\n"), 1)
        await self.service.stop()
        folder = str(self.service.folder)
        status, _, errors = await smartdyn.run("queue", "-c", folder, environment={"SMARTDYN_SOCKET": ""})
        self.assertEqual((status, f"{folder}/smartdyn.sock" in errors), (Status.UNREACHABLE, True))

    async def test_the_status(self) -> None:
        """Says how the service is; ends with 1 when something is wrong."""
        smartdyn = await self.start()
        status, output, _ = await smartdyn.run("status")
        self.assertEqual((status, "trouble" in output), (0, False), output)
        self.assertRegex(output, r"database +fine")
        await smartdyn.run("drain")
        status, output, _ = await smartdyn.run("status", "-o", "csv")
        self.assertEqual((status, "root is draining" in output), (Status.FAILED, True), output)

    async def test_levels_of_the_log(self) -> None:
        """Are set for a while and taken back; a level that is none is refused, with those that there are."""
        smartdyn = await self.start()
        status, output, _ = await smartdyn.run("log-level", "ssh=debug", "--for", "600")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"ssh +DEBUG +hand\n(.*\n)*Until: ")
        self.assertEqual(json.loads((await smartdyn.run("log-level", "-o", "json"))[1])["overridden"], {"ssh": "DEBUG"})
        self.assertNotIn("hand", (await smartdyn.run("log-level", "--reset"))[1])
        for wrong in (("ssh=loud",), ("ssh",), ("--for", "1"), ("ssh=debug", "--reset")):
            self.assertEqual((await smartdyn.run("log-level", *wrong))[0], Status.USAGE)

    async def test_queue_and_hosts(self) -> None:
        """Say what runs and where, and forget the key of a host."""
        smartdyn = await self.start()
        await self.launch()
        known_hosts = self.service.folder / "known_hosts"
        known_hosts.write_text("web1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFrVaFmDGhr\n")
        status, output, _ = await smartdyn.run("queue")
        self.assertEqual(status, 0)
        self.assertIn("1 tasks", output)
        self.assertEqual(json.loads((await smartdyn.run("queue", "-o", "json"))[1])["running"], 1)
        self.assertEqual((await smartdyn.run("hosts"))[0:2], (0, "HOST  RUNNING  LAST  WHEN  TASK\n"))
        self.assertEqual((await smartdyn.run("hosts", "list", "web", "-o", "json"))[0:2], (0, "[]\n"))
        self.assertEqual((await smartdyn.run("hosts", "show", "web1"))[0], 0)
        self.assertEqual((await smartdyn.run("hosts", "forget-key", "web1"))[0], 0)
        self.assertEqual(known_hosts.read_text(), "")
        status, _, said = await smartdyn.run("hosts", "show", "web1")
        self.assertEqual(status, 4)
        self.assertIn("Nothing is known of web1", said)

    async def test_over_the_network(self) -> None:
        """With a certificate that the service knows; without one, and without its CA, it says what is missing."""
        authority = Authority(Path(self.mktemp()).absolute())
        server, server_key = authority.issue("localhost", file="server")
        port = free_port()
        smartdyn = await self.start(
            https_port=port,
            bind_host="127.0.0.1",
            ssl_ca_file=str(authority.path),
            ssl_certificate=str(server),
            ssl_private_key=str(server_key),
            trusted_hosts=["admin.example.org"],
        )
        cert, key = map(str, authority.issue("admin.example.org"))
        there = ("tasks", "list", "--url", f"https://localhost:{port}")
        ca = ("--ca", str(authority.path))
        self.assertEqual((await smartdyn.run(*there, *ca, "--cert", cert, "--key", key))[0], 0)
        status, _, errors = await smartdyn.run(*there, *ca)
        self.assertEqual((status, "client cert" in errors), (Status.REFUSED, True), errors)
        status, _, errors = await smartdyn.run(*there)
        self.assertEqual((status, "--ca" in errors), (Status.UNREACHABLE, True), errors)
        status, _, errors = await smartdyn.run(*there, "--ca", "/nowhere")
        self.assertEqual((status, "--ca" in errors), (Status.USAGE, True), errors)


class TerminalTests(CliTestCase):
    """On a terminal."""

    async def on_terminal(self, smartdyn: Command, *arguments: str, columns: int = 80, **environment: str) -> str:
        """What it shows on one."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            smartdyn.arguments(*arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**smartdyn.environment, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "24", **environment},
        )
        os.close(theirs)

        def read() -> bytes:
            found = b""
            while True:
                try:
                    piece = os.read(ours, 65536)
                except OSError:
                    return found
                found += piece

        shown = await deferToThread(read)
        await deferToThread(process.wait, 30)
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    async def test_tables(self) -> None:
        """Fit its width and have colours, unless nobody wants these."""
        smartdyn = await self.start()
        await self.launch("Rig::RaiseInRun")
        for columns in (60, 100):
            plain = await self.on_terminal(smartdyn, "tasks", "list", columns=columns, NO_COLOR="1")
            self.assertNotIn("\x1b", plain)
            self.assertLessEqual(max(map(len, plain.splitlines())), columns)
        self.assertIn("\x1b[33mpaused\x1b[0m", await self.on_terminal(smartdyn, "tasks", "list"))
        self.assertNotIn("\x1b", (await smartdyn.run("tasks", "list"))[1])


class ChangingTests(CliTestCase):
    """What changes something."""

    async def test_one_task(self) -> None:
        """Is cancelled, halted, resumed without a step; and it is known who did it."""
        smartdyn = await self.start()
        cancelled, halted = await self.launch(count=2)
        (paused,) = await self.launch("Rig::RaiseInRun")
        self.assertEqual((await smartdyn.run("tasks", "cancel", cancelled[:10]))[0], 0)
        self.assertEqual((await smartdyn.run("tasks", "halt", halted, environment={"SUDO_USER": "alice"}))[0], 0)
        status, output, _ = await smartdyn.run("tasks", "skip", paused)
        self.assertEqual((status, "step 2" in output), (0, True), output)
        self.assertEqual((await smartdyn.run("tasks", "resume", paused))[0], 0)
        for task in (cancelled, halted, paused):
            await self.client.until(f"/tasks/{task}/status", lambda found: found["state"] == "stopped")
        audit = (await self.client.request("GET", "/console/audit")).content.decode()
        self.assertIn("<td>alice through root</td>", audit)

    async def test_one_step(self) -> None:
        """Is cancelled by its number; not by force, and not one that cannot be, which the status says."""
        smartdyn = await self.start()
        (task,) = await self.launch()
        cancel = ("tasks", "cancel", task[:10], "--step")
        self.assertEqual((await smartdyn.run(*cancel, "2", "--force"))[0], Status.USAGE)
        status, _, errors = await smartdyn.run(*cancel, "7")
        self.assertEqual((status, "there is no such step" in errors), (Status.REFUSED, True), errors)
        self.assertEqual(await smartdyn.run(*cancel, "2"), (0, f"Step 2 of task {task} is asked to end.\n", ""))
        await self.client.until(f"/tasks/{task}/status", lambda found: found["state"] == "stopped")

    async def test_all_that_a_search_finds(self) -> None:
        """Are counted first; nothing is done without a yes; those that refuse are named, and the status says so."""
        smartdyn = await self.start()
        ids = await self.launch(count=3)
        cancel = ("tasks", "cancel", "--query", "label:WaitForUpdate")
        self.assertEqual(await smartdyn.run(*cancel, "--dry-run"), (0, "3 tasks to cancel.\n", ""))
        status, _, errors = await smartdyn.run(*cancel)
        self.assertEqual((status, "--yes" in errors), (Status.USAGE, True))
        self.assertEqual(await self.state(ids[0]), "running")
        status, output, _ = await smartdyn.run(*cancel, "--yes")
        self.assertEqual((status, output), (0, "3 tasks to cancel.\nDone to 3 of 3 tasks.\n"))
        for task in ids:
            await self.client.until(f"/tasks/{task}/status", lambda found: found["state"] == "stopped")
        self.assertEqual((await smartdyn.run(*cancel, "--yes"))[:2], (0, "0 tasks to cancel.\n"))

    async def test_drain(self) -> None:
        """No new jobs are taken, readiness says so, and the command ends when the last one has."""
        smartdyn = await self.start()
        (task,) = await self.launch()
        self.assertEqual((await smartdyn.run("drain", "--timeout", "0.1"))[0], Status.FAILED)
        body = {"operation": "single", "input": {"action_class": "Rig::Noop"}}
        refused = await self.client.request("POST", "/tasks/launch", body)
        self.assertEqual((refused.status, refused.headers["retry-after"]), (503, "5"))
        self.assertIn("root is draining", refused.json["error"])
        ready = await self.client.request("GET", "/health/ready")
        self.assertEqual((ready.status, "root is draining" in ready.json["reasons"][0]), (503, True))
        home = (await self.client.request("GET", "/console")).content.decode()
        self.assertIn("root is draining", home)
        waiting = smartdyn.start("drain")
        await self.client.request("POST", f"/tasks/{task}/cancel")
        status, output, _ = await finished(waiting)
        self.assertEqual((status, output.splitlines()[-1]), (0, "root drains the service; no tasks run."))
        self.assertEqual((await smartdyn.run("drain", "--off"))[0], 0)
        self.assertEqual((await self.client.request("GET", "/health/ready")).status, 200)
        self.assertEqual((await self.client.request("POST", "/tasks/launch", body)).status, 200)


class ScriptTests(CliTestCase):
    """Scripts on a host."""

    async def start(self, **settings: Any) -> Command:
        """With an SSH server."""
        server = sshd.shared()
        self.there = ("--host", "127.0.0.1", "--port", str(server.port))
        return await super().start(ssh_identity_key_file=str(server.key()), **settings)

    async def until_printed(self, process: subprocess.Popen[str], text: str) -> None:
        """Wait for a line of a command."""
        assert process.stdout is not None
        line = await deferToThread(process.stdout.readline)
        self.assertEqual(line, text)

    async def test_a_script(self) -> None:
        """What it prints comes out, what the service says is an error's, and its status is the command's."""
        smartdyn = await self.start()
        script = self.service.folder / "script.sh"
        script.write_text("#!/bin/sh\necho out $NAME\necho err >&2\nexit 42\n")
        run = ("tasks", "run", *self.there)
        status, output, errors = await smartdyn.run(*run, "--env", "NAME=it's me", str(script))
        self.assertEqual((status, output), (42, "out it's me\nerr\n"), errors)
        status, output, _ = await smartdyn.run(*run, "--effective-user", "rexeff", "-", given="id -un\n")
        self.assertEqual((status, output), (0, "rexeff\n"))
        audit = (await self.client.request("GET", "/console/audit")).content.decode()
        self.assertIn("run script", audit)
        status, _, errors = await smartdyn.run(*run, "/nowhere")
        self.assertEqual((status, "/nowhere cannot be read" in errors), (Status.USAGE, True))

    async def test_what_cannot_be_run(self) -> None:
        """Ends with 255 and says why."""
        smartdyn = await self.start()
        run = ("tasks", "run", "--host", "127.0.0.1", "--port", str(free_port()), "--time-limit", "1", "-")
        status, _, errors = await smartdyn.run(*run, given="true\n")
        self.assertEqual(status, Status.NOT_RUN, errors)
        self.assertIn("127.0.0.1", errors)

    async def test_interrupting(self) -> None:
        """The first time the script is stopped, and its end awaited; the second time nothing is."""
        smartdyn = await self.start(kill_grace=0.5)
        for script, times, expected in (
            ("echo ready; sleep 60\n", 1, None),
            ("trap '' TERM; echo ready; while :; do sleep 0.1; done\n", 2, Status.INTERRUPTED),
        ):
            process = smartdyn.start("tasks", "run", *self.there, "-")
            assert process.stdin is not None and process.stderr is not None
            process.stdin.write(script)
            process.stdin.close()
            process.stdin = None
            await self.until_printed(process, "ready\n")
            for _ in range(times):
                process.send_signal(signal.SIGINT)
                errors = process.stderr
                await deferToThread(errors.readline)
            status, _, _ = await finished(process)
            if expected is None:
                self.assertNotEqual(status, 0)
            else:
                self.assertEqual(status, expected)
            (task,) = json.loads((await smartdyn.run("tasks", "list", "-n", "1", "-o", "json"))[1])
            await self.client.until(f"/tasks/{task['id']}/status", lambda found: found["state"] == "stopped")

    async def test_a_batch(self) -> None:
        """All that it launched are followed at once, over a restart, each line behind the name of its host."""
        smartdyn = await self.start()
        script = "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.2; done; printf end"
        keys = {"ssh_port": int(self.there[3]), "script": script, "ssh_user": "root"}
        jobs = {
            f"{number}1111111-1111-4111-8111-111111111111": {
                "action_class": "Proxy::RemoteExecution::Ssh::Actions::RunScript",
                "action_input": {**keys, "hostname": host},
            }
            for number, host in enumerate(("127.0.0.1", "localhost"))
        }
        launched = await self.client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
        parent = launched.json["parent"]["task_id"]
        following = smartdyn.start("tasks", "tail", parent)
        waiting = smartdyn.start("tasks", "wait", *jobs)
        assert following.stdout is not None
        first = await deferToThread(following.stdout.readline)
        await self.service.stop()
        await self.service.start()
        status, output, errors = await finished(following)
        lines = [first.rstrip(), *output.splitlines()]
        for host in ("127.0.0.1", "localhost"):
            own = [line.partition(": ")[2] for line in lines if line.startswith(f"{host}: ")]
            self.assertEqual(own, [*(f"line {number}" for number in range(1, 7)), "end"], errors)
        self.assertEqual((status, len(lines)), (0, 14))
        await finished(waiting)
        status, output, _ = await smartdyn.run("tasks", "wait", *jobs)
        self.assertEqual((status, output.count(": success\n")), (0, 2))

    async def test_waiting(self) -> None:
        """Ends with 1 when a task has not gone well, or not ended in time."""
        smartdyn = await self.start()
        (waiting,), (paused,) = await self.launch(), await self.launch("Rig::RaiseInRun")
        self.assertEqual((await smartdyn.run("tasks", "wait", paused))[0], Status.FAILED)
        status, _, errors = await smartdyn.run("tasks", "wait", "--timeout", "0.3", waiting)
        self.assertEqual((status, errors), (Status.FAILED, f"Task {waiting}: running\n"))

    async def test_tail_over_a_restart(self) -> None:
        """Goes on where it was when the service is back: no line twice, none missing; afterwards all can be read."""
        smartdyn = await self.start()
        script = "for i in $(seq 1 30); do echo line $i; sleep 0.1; done\n"
        _, task, _ = await smartdyn.run("tasks", "run", *self.there, "--detach", "-", given=script)
        task = task.strip()
        following = smartdyn.start("tasks", "tail", task)
        await self.until_printed(following, "line 1\n")
        await self.service.kill()
        await self.service.start()
        status, output, errors = await finished(following)
        expected = [f"line {number}" for number in range(1, 31)]
        self.assertEqual((status, output.splitlines()), (0, expected[1:]), errors)
        status, output, _ = await smartdyn.run("tasks", "tail", task, "--no-follow", "-n", "3", "--timestamps")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"\A(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z line (28|29|30)\n){3}\Z")
