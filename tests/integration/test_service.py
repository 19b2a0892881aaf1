"""The service as a whole: a real C{twistd} process, a real sshd, a recording Foreman."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import uuid
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support import sshd
from tests.support.foreman import RecordingForeman
from tests.support.http import Client
from tests.support.service import ServiceProcess

RUN_SCRIPT = "Proxy::RemoteExecution::Ssh::Actions::RunScript"


class ServiceTestCase(TestCase):
    """Has a service and a Foreman."""

    timeout = 300

    def setUp(self) -> None:
        self.foreman = RecordingForeman()
        self.foreman_url = self.foreman.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.foreman.stop()))

    async def start(self, environment: dict[str, str] | None = None, **settings: Any) -> tuple[ServiceProcess, Client]:
        """Start a service and a client for it."""
        service = ServiceProcess({"foreman_url": self.foreman_url, **settings}, environment)
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        await service.start()
        return service, Client(reactor, service.url)

    async def start_with_sshd(self, **settings: Any) -> tuple[ServiceProcess, Client]:
        """Likewise, with the key that the sshd lets in."""
        self.sshd = sshd.shared()
        return await self.start(ssh_identity_key_file=str(self.sshd.key()), **settings)

    def job(self, script: str, **input: Any) -> dict[str, Any]:
        """The input of a job as Foreman sends it."""
        return {
            "action_class": RUN_SCRIPT,
            "action_input": {
                "hostname": "127.0.0.1",
                "ssh_port": self.sshd.port,
                "ssh_user": "root",
                "script": script,
                "secrets": {"ssh_password": None},
                "callback": {"task_id": str(uuid.uuid4()), "step_id": 3},
                **input,
            },
        }


class JobTests(ServiceTestCase):
    """Foreman's requests, from launch to callback."""

    async def test_the_readme_example_of_the_reference(self) -> None:
        """POST /tasks with the old action name runs the script; status, count and console know it."""
        _, client = await self.start_with_sshd()
        action_input = self.job("true")["action_input"]
        body = {"action_name": "ForemanRemoteExecutionCore::Actions::RunScript", "action_input": action_input}
        task_id = (await client.request("POST", "/tasks", body)).json["task_id"]
        status = await client.until(f"/tasks/{task_id}/status", lambda found: found["state"] == "stopped")
        self.assertEqual((status.json["result"], status.json["label"]), ("success", RUN_SCRIPT))
        self.assertEqual((await client.request("GET", "/tasks/count?state=stopped")).json["count"], 1)
        self.assertEqual((await client.request("POST", f"/tasks/{task_id}/cancel", "")).json["canceled_steps_count"], 0)
        self.assertEqual((await client.request("POST", f"/tasks/{task_id}/done", {"step_id": 1})).content, b"")
        page = (await client.request("GET", f"/console/{task_id}")).content.decode()
        self.assertIn("exit status 0", page)

    async def test_fifty_jobs_at_once(self) -> None:
        """All fifty run, all fifty callbacks arrive with exit 0, and nothing is stuck."""
        _, client = await self.start_with_sshd()
        jobs = {str(uuid.uuid4()): self.job(f"echo {number}") for number in range(50)}
        answer = await client.request("POST", "/dynflow/tasks/launch", {"operation": "ssh", "input": jobs})
        self.assertEqual(set(answer.json), {"parent", *jobs})
        await self.foreman.when_received(50)
        statuses = [body["data"]["exit_status"] for body in self.foreman.delivered()]
        printed = {body["data"]["result"][0]["output"] for body in self.foreman.delivered()}
        self.assertEqual(statuses, [0] * 50)
        self.assertEqual(printed, {f"{number}\n" for number in range(50)})
        states = (await client.request("POST", "/tasks/status", {"task_ids": [*jobs, None]})).json
        self.assertEqual({state["state"] for state in states.values()}, {"stopped"})
        parent = (await client.request("GET", f"/tasks/{answer.json['parent']['task_id']}/status")).json
        counts = {key: value for key, value in parent["actions"][0]["output"].items() if key.endswith("_count")}
        self.assertEqual(counts, {"total_count": 50, "failed_count": 0, "pending_count": 0, "success_count": 50})

    async def test_a_repeated_launch_runs_once(self) -> None:
        """The same request gives the same answer; another input for the same id is refused."""
        _, client = await self.start_with_sshd()
        folder = Path(self.mktemp())
        folder.mkdir()
        key, job = str(uuid.uuid4()), self.job(f"echo ran >> {folder.absolute()}/count")
        body = {"operation": "ssh", "input": {key: job}}
        first = await client.request("POST", "/tasks/launch", body)
        second = await client.request("POST", "/tasks/launch", body)
        self.assertEqual(first.json, second.json)
        await client.until(f"/tasks/{key}/status", lambda found: found["state"] == "stopped")
        self.assertEqual((folder / "count").read_text(), "ran\n")
        job["action_input"]["script"] = "echo other"
        self.assertEqual((await client.request("POST", "/tasks/launch", body)).status, 409)

    async def test_the_same_launch_twice_at_the_same_time(self) -> None:
        """Is one launch too, with one answer for both: Foreman may ask again while the first is being stored."""
        _, client = await self.start()
        waiting = {"action_class": "Rig::WaitForUpdate", "action_input": {}}
        for _ in range(3):
            body = {"operation": "ssh", "input": {str(uuid.uuid4()): waiting for _ in range(10)}}
            replies = await gatherResults(
                [Deferred.fromCoroutine(client.request("POST", "/tasks/launch", body)) for _ in range(4)]
            )
            self.assertEqual([(reply.status, reply.json) for reply in replies], [(200, replies[0].json)] * 4)
        count = (await client.request("GET", "/tasks/count?state=running")).json["count"]
        self.assertEqual(count, 30)

    async def test_one_bad_job_does_not_keep_its_siblings(self) -> None:
        """It exists, ends in error and is called back; the other runs."""
        _, client = await self.start_with_sshd()
        good, bad = str(uuid.uuid4()), str(uuid.uuid4())
        wrong = {**self.job("true"), "action_class": "Kernel"}
        await client.request(
            "POST", "/tasks/launch", {"operation": "ssh", "input": {good: self.job("true"), bad: wrong}}
        )
        await self.foreman.when_received(2)
        ended = {}
        for key in (good, bad):
            status = await client.until(f"/tasks/{key}/status", lambda found: found["state"] == "stopped")
            ended[key] = status.json["result"]
        self.assertEqual(ended, {good: "success", bad: "error"})
        exits = sorted(str(body["data"]["exit_status"]) for body in self.foreman.delivered())
        self.assertEqual(exits, ["0", "EXCEPTION"])

    async def test_cancelling_a_parent_cancels_its_jobs(self) -> None:
        """All running children end."""
        _, client = await self.start_with_sshd(kill_grace=1)
        jobs = {str(uuid.uuid4()): self.job("#!/bin/sh\necho started\nsleep 60\n") for _ in range(2)}
        answer = await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
        for key in jobs:
            await client.until(f"/tasks/{key}/status", lambda found: found["actions"][1]["output"]["result"])
        parent = answer.json["parent"]["task_id"]
        told = await client.request("POST", f"/tasks/{parent}/cancel", "")
        self.assertEqual(told.json["canceled_steps_count"], 2)
        await self.foreman.when_received(2)
        self.assertEqual([body["data"]["exit_status"] for body in self.foreman.delivered()], [255, 255])

    async def test_much_output(self) -> None:
        """More than is put together at once: Foreman is told all of it, and so is whoever looks."""
        _, client = await self.start_with_sshd()
        task, job = str(uuid.uuid4()), self.job("yes 'a line of output' | head -n 1100000")
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": {task: job}})
        await self.foreman.when_received(1)
        shown = await client.request("GET", f"/tasks/{task}/status")
        for result in (self.foreman.delivered()[0]["data"]["result"], shown.json["actions"][1]["output"]["result"]):
            self.assertEqual("".join(chunk["output"] for chunk in result), "a line of output\n" * 1_100_000)
            self.assertLessEqual(max(len(chunk["output"]) for chunk in result), 64 * 1024)
        page = await client.request("GET", f"/console/{task}")
        self.assertIn(b"End of the output", page.content)
        self.assertLess(len(page.content), 1_000_000)
        shown = await client.request("GET", f"/console/{task}/output")
        self.assertIn(b"Lines 1095001 to 1100000 of 1100000", shown.content)

    async def test_simulation(self) -> None:
        """With REX_SIMULATE no host is contacted: a line a second, then the exit status that was asked for."""
        lines = Path(self.mktemp())
        lines.write_text("one\ntwo\n")
        _, client = await self.start(
            {
                "REX_SIMULATE": "1",
                "REX_SIMULATE_PATH": str(lines.absolute()),
                "REX_SIMULATE_EXIT": "9",
                "REX_SIMULATE_FAIL_CHANCE": "100",
            }
        )
        action_input = {"hostname": "nowhere.invalid", "script": "true", "callback": {"task_id": "t", "step_id": 1}}
        await client.request("POST", "/tasks", {"action_name": RUN_SCRIPT, "action_input": action_input})
        await self.foreman.when_received(1)
        data = self.foreman.delivered()[0]["data"]
        self.assertEqual([chunk["output"] for chunk in data["result"]], ["one\n", "two\n"])
        self.assertEqual(data["exit_status"], 9)


class DurabilityTests(ServiceTestCase):
    """Killed services."""

    async def test_a_finished_job_is_still_known(self) -> None:
        """After kill -9 its status, output and exit status are there, and its callback is delivered."""
        self.foreman.statuses = [500, 500, 500, 500, 500, 500]
        service, client = await self.start_with_sshd()
        key = str(uuid.uuid4())
        await client.request(
            "POST", "/tasks/launch", {"operation": "ssh", "input": {key: self.job("echo kept; exit 4")}}
        )
        await self.foreman.when_received(1)
        await service.kill()
        self.foreman.statuses = []
        refused = len(self.foreman.received)
        await service.start()
        status = (await client.request("GET", f"/tasks/{key}/status")).json
        output = status["actions"][1]["output"]
        self.assertEqual((status["state"], status["result"]), ("stopped", "error"))
        self.assertEqual((output["result"][0]["output"], output["exit_status"]), ("kept\n", 4))
        await self.foreman.when_received(refused + 1)
        self.assertEqual(self.foreman.delivered()[-1]["data"]["exit_status"], 4)

    async def test_a_running_job_goes_on(self) -> None:
        """After kill -9 in the middle the output goes on at the next byte, and the script ran once."""
        service, client = await self.start_with_sshd()
        folder = Path(self.mktemp())
        folder.mkdir()
        key = str(uuid.uuid4())
        script = (
            f"#!/bin/sh\necho ran >> {folder.absolute()}/count\n"
            "for i in $(seq 1 40); do echo line $i; sleep 0.1; done\n"
        )
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": {key: self.job(script)}})
        await client.until(f"/tasks/{key}/status", lambda found: found["actions"][1]["output"]["result"])
        await service.kill()
        await service.start()
        await self.foreman.when_received(1)
        data = self.foreman.delivered()[0]["data"]
        text = "".join(chunk["output"] for chunk in data["result"])
        self.assertEqual(text, "".join(f"line {number}\n" for number in range(1, 41)))
        self.assertEqual((data["exit_status"], (folder / "count").read_text()), (0, "ran\n"))

    async def test_what_was_answered_is_done(self) -> None:
        """Killed right after the answer, the service runs every job after its next start, once."""
        service, client = await self.start_with_sshd()
        folder = Path(self.mktemp())
        folder.mkdir()
        jobs = {str(uuid.uuid4()): self.job(f"echo ran >> {folder.absolute()}/{number}") for number in range(5)}
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": jobs})
        await service.kill()
        await service.start()
        for key in jobs:
            await client.until(f"/tasks/{key}/status", lambda found: found["state"] == "stopped")
        self.assertEqual([(folder / str(number)).read_text() for number in range(5)], ["ran\n"] * 5)

    async def test_a_cancel_is_not_forgotten(self) -> None:
        """A job whose cancel was answered is stopped after the next start."""
        service, client = await self.start_with_sshd(kill_grace=1)
        key = str(uuid.uuid4())
        job = self.job("#!/bin/sh\ntrap '' TERM\necho started\nsleep 30\nsleep 30\n")
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": {key: job}})
        await client.until(f"/tasks/{key}/status", lambda found: found["actions"][1]["output"]["result"])
        await client.request("POST", f"/tasks/{key}/cancel", "")
        await service.kill()
        await service.start()
        await self.foreman.when_received(1)
        self.assertEqual(self.foreman.delivered()[0]["data"]["exit_status"], 255)

    async def test_a_stop_in_good_order(self) -> None:
        """SIGTERM ends the process at once and in order while a job runs; the job goes on after the next start."""
        service, client = await self.start_with_sshd()
        key = str(uuid.uuid4())
        job = self.job("#!/bin/sh\necho first\nsleep 3\necho last\n")
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": {key: job}})
        await client.until(f"/tasks/{key}/status", lambda found: found["actions"][1]["output"]["result"])
        # twistd ends itself by the signal that it was told to end with
        self.assertEqual(await service.stop(), -signal.SIGTERM)
        self.assertIn("smartdyn has stopped", service.log.read_text())
        await service.start()
        await self.foreman.when_received(1)
        data = self.foreman.delivered()[0]["data"]
        self.assertEqual("".join(chunk["output"] for chunk in data["result"]), "first\nlast\n")
        self.assertNotIn("Traceback", service.log.read_text())

    async def test_a_runner_that_does_not_let_go(self) -> None:
        """It is named, and keeps neither the database from being closed in order nor the process from ending."""
        service, client = await self.start()
        key = str(uuid.uuid4())
        job = {"action_class": "Rig::Stubborn", "action_input": {}}
        await client.request("POST", "/tasks/launch", {"operation": "ssh", "input": {key: job}})
        await client.until(f"/tasks/{key}/status", lambda found: found["actions"][0]["output"]["result"])
        self.assertEqual(await service.stop(), -signal.SIGTERM)
        self.assertIn("jobs: not stopped in good order", service.log.read_text())
        self.assertIn("smartdyn has stopped", service.log.read_text())


class RefusalTests(ServiceTestCase):
    """Starts that are refused."""

    def refused(self, service: ServiceProcess) -> tuple[int, str]:
        """Status and words of a start that fails."""
        process = service.launch()
        output, _ = process.communicate(timeout=30)
        return process.returncode, output.decode()

    async def test_a_second_service_on_one_database(self) -> None:
        """It does not start, and says which process has the database."""
        service, _ = await self.start()
        status, text = await deferToThread(self.refused, service)
        self.assertEqual(status, 1)
        self.assertIn(f"is in use by another smartdyn (pid {service.pid} on ", text)
        self.assertNotIn("Traceback", text)

    async def test_settings_that_cannot_be_used(self) -> None:
        """The file, the line and the key are named."""
        service = ServiceProcess({})
        service.folder.joinpath("settings.yml").write_text("---\n:prot: 1\n:port: many\n")
        status, text = await deferToThread(self.refused, service)
        self.assertEqual(status, 1)
        self.assertIn("settings.yml:2: there is no setting `prot`; did you mean `port`?", text)
        self.assertIn("settings.yml:3: `port` must be a whole number, not 'many'", text)
        self.assertNotIn("Traceback", text)

    async def test_a_taken_port(self) -> None:
        """It is named, with what to do."""
        service, _ = await self.start()
        other = ServiceProcess({"port": service.port})
        status, text = await deferToThread(self.refused, other)
        self.assertEqual(status, 1)
        self.assertIn(f"Cannot listen on http://127.0.0.1:{service.port}", text)

    async def test_a_database_that_is_none(self) -> None:
        """A damaged file is refused with advice, and left as it is."""
        service = ServiceProcess({})
        database = service.folder / "smartdyn.sqlite"
        database.write_bytes(b"this is no database" * 100)
        status, text = await deferToThread(self.refused, service)
        self.assertEqual(status, 1)
        self.assertIn("Restore a backup", text)
        self.assertEqual(database.read_bytes(), b"this is no database" * 100)

    async def test_the_database_can_be_read_while_the_service_runs(self) -> None:
        """Other readers, such as a backup, do not disturb and are not disturbed."""
        service, _ = await self.start()
        connection = sqlite3.connect(f"file:{service.folder}/smartdyn.sqlite?mode=ro", uri=True)
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT count(*) FROM worlds").fetchone(), (1,))
        self.assertEqual(
            subprocess.run(
                ["stat", "-c", "%a", service.folder / "smartdyn.sqlite"], capture_output=True, check=True, text=True
            ).stdout.strip(),
            "600",
        )
