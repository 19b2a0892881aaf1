"""The API of the command line, on an engine in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smartdyn.engine.cleaner import Retention
from smartdyn.model.views import OutputChunk
from smartdyn.store.output import AppendOutput
from tests.support.web import WebTestCase


class ManagementTestCase(WebTestCase):
    """Expects answers."""

    def get(self, path: str) -> Any:
        """What is answered to a request that is fine."""
        status, body = self.request("GET", path)
        self.assertEqual(status, 200, body)
        return body

    def post(self, path: str, body: Any = b"", expected: int = 200) -> Any:
        """Likewise, of something that is done."""
        status, answer = self.request("POST", path, body)
        self.assertEqual(status, expected, answer)
        return answer


class TaskTests(ManagementTestCase):
    """C{/api/tasks}."""

    def test_pages_of_tasks(self) -> None:
        """A search in the words of the console, a page at a time, to the last task."""
        ids = [self.launch("Rig::WaitForUpdate") for _ in range(3)]
        self.launch("Rig::Noop")
        path, seen = "/api/tasks?q=state:running&limit=2", []
        found = self.get(path)
        seen += [task["id"] for task in found["tasks"]]
        self.assertEqual(len(seen), 2)
        found = self.get(f"{path}&before={found['older']}")
        seen += [task["id"] for task in found["tasks"]]
        self.assertEqual((sorted(seen), found["older"]), (sorted(ids), None))

    def test_sorted_pages(self) -> None:
        """Tasks come in the order that is asked for; an unknown one is refused, with those that there are."""
        first = self.launch("Rig::Noop")
        self.engine.clock.advance(1)
        second = self.launch("Rig::WaitForUpdate")
        for sort, expected in (("", [second, first]), ("created", [first, second]), ("state", [second, first])):
            found = self.get(f"/api/tasks?sort={sort}&limit=1")
            rest = self.get(f"/api/tasks?sort={sort}&limit=1&before={found['older']}")
            self.assertEqual([task["id"] for task in (*found["tasks"], *rest["tasks"])], expected)
        status, body = self.request("GET", "/api/tasks?sort=colour")
        self.assertEqual(status, 400)
        self.assertIn("created, started, ended, took, label, state, host", body["error"])

    def test_a_search_that_is_not_understood(self) -> None:
        """Is answered with the place and what is allowed there."""
        status, body = self.request("GET", "/api/tasks?q=colour:red")
        self.assertEqual(status, 400)
        self.assertIn("there is no `colour:`", body["error"])

    def test_a_task(self) -> None:
        """Says what happened, why, and what each step came to; one that is not there is 404."""
        task = self.get(f"/api/tasks/{self.launch('Rig::RaiseInRun')}")
        self.assertEqual(task["task"]["state"], "paused")
        self.assertTrue(task["explanation"].endswith("."))
        self.assertEqual(task["cause"], "step-error")
        self.assertEqual([step["state"] for step in task["steps"]], ["success", "error"])
        self.assertTrue(task["steps"][1]["error"])
        self.assertEqual(self.request("GET", "/api/tasks/nope")[0], 404)

    def test_deeds(self) -> None:
        """Cancel, cancel by force, halt, skip and resume do what they say and are written down."""
        cancelled, forced, halted = (self.launch("Rig::WaitForUpdate") for _ in range(3))
        paused = self.launch("Rig::RaiseInRun")
        self.assertEqual(self.post(f"/api/tasks/{cancelled}/cancel"), {"task_id": cancelled, "steps": 1})
        self.post(f"/api/tasks/{forced}/force-cancel")
        self.post(f"/api/tasks/{halted}/halt")
        self.assertEqual(self.post(f"/api/tasks/{paused}/skip/2")["steps"], [2])
        self.post(f"/api/tasks/{paused}/resume")
        self.assertEqual({self.engine.state(task) for task in (cancelled, halted, paused)}, {"stopped"})
        self.assertEqual(self.engine.state(forced), "paused")
        self.assertEqual(self.request("POST", f"/api/tasks/{paused}/resume", b"")[0], 409)
        self.assertEqual(self.request("POST", f"/api/tasks/{paused}/skip/x", b"")[0], 400)
        self.assertEqual(self.request("POST", "/api/tasks/nope/halt", b"")[0], 404)
        page = self.request("GET", f"/console/audit?about={halted}")[1]
        self.assertIn("(api)</td><td>halt</td>", page)

    def test_one_step_is_cancelled(self) -> None:
        """The step ends and it is written down; when it cannot be, a sentence says why."""
        task = self.launch("Rig::WaitForUpdate")
        status, body = self.request("POST", f"/api/tasks/{task}/cancel/1", b"")
        self.assertEqual((status, body["error"][:13]), (409, "Step 1 of tas"))
        self.assertEqual(self.post(f"/api/tasks/{task}/cancel/2"), {"task_id": task, "steps": [2]})
        self.assertEqual(self.engine.state(task), "stopped")
        self.assertRegex(self.get(f"/api/tasks/{task}")["explanation"], r"Step 2 was cancelled by \w.+\. Nothing")
        for path, expected in ((f"{task}/cancel/2", 409), (f"{task}/cancel/x", 400), ("nope/cancel/2", 404)):
            self.assertEqual(self.request("POST", f"/api/tasks/{path}", b"")[0], expected, path)
        page = self.request("GET", f"/console/audit?about={task}")[1]
        self.assertIn("<td>cancel step 2</td>", page)

    def test_other_sites(self) -> None:
        """Cannot have a visitor's browser do anything."""
        task = self.launch("Rig::WaitForUpdate")
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for path in (
                f"/api/tasks/{task}/cancel",
                f"/api/tasks/{task}/cancel/2",
                "/api/run",
                "/api/drain",
                "/api/bulk",
            ):
                self.assertEqual(self.request("POST", path, b"{}", **headers)[0], 403, path)
        self.assertEqual(self.engine.state(task), "running")


class OutputTests(ManagementTestCase):
    """C{/api/tasks/:id/output}."""

    def setUp(self) -> None:
        super().setUp()
        self.task = self.launch("Rig::WaitForUpdate")
        for position, (kind, text) in enumerate((("stdout", "one\ntw"), ("stdout", "o\n"), ("stderr", "oops\n"))):
            chunk = OutputChunk(position, kind, 5.0 + position, text)
            self.successResultOf(self.engine.database.commit(AppendOutput(self.task, 1, chunk)))

    def output(self, query: str = "") -> list[Any]:
        """The lines of an answer."""
        body = self.request("GET", f"/api/tasks/{self.task}/output{query}")[1]
        lines = [body] if isinstance(body, dict) else [json.loads(line) for line in body.split("\n") if line]
        self.assertEqual(set(lines[-1]), {"over", "state", "result", "exit_status"})
        return lines

    def test_what_there_is(self) -> None:
        """Each piece with its kind, time and place, then how the task is doing."""
        *found, end = self.output()
        first = {"action": 1, "position": 0, "type": "stdout", "timestamp": 5.0, "text": "one\ntw"}
        self.assertEqual((found[0], [each["position"] for each in found]), (first, [0, 1, 2]))
        self.assertEqual((end["over"], end["state"]), (False, "running"))

    def test_going_on(self) -> None:
        """Behind any piece the rest comes, and no more; of a task that is over the end is told."""
        self.request("POST", f"/tasks/{self.task}/cancel")
        for position in range(4):
            *found, end = self.output(f"?after={position}&action=1&follow=1")
            self.assertEqual([each["position"] for each in found], list(range(position, 3)))
            self.assertEqual((end["over"], end["state"]), (True, "stopped"))

    def test_the_last_lines(self) -> None:
        """May begin in the middle of a piece."""
        for wanted, expected in ((1, "oops\n"), (2, "two\noops\n"), (3, "one\ntwo\noops\n"), (9, "one\ntwo\noops\n")):
            *found, _ = self.output(f"?lines={wanted}")
            self.assertEqual("".join(each["text"] for each in found), expected)

    def test_a_task_that_waits_for_a_decision(self) -> None:
        """Prints nothing until somebody makes one, so whoever follows it is told."""
        self.task = self.launch("Rig::RaiseInRun")
        (end,) = self.output("?follow=1")
        self.assertEqual((end["over"], end["state"]), (False, "paused"))

    def test_unknown(self) -> None:
        """There is no output of a task that is not there."""
        self.assertEqual(self.request("GET", "/api/tasks/nope/output?follow=1")[0], 404)


class BulkTests(ManagementTestCase):
    """C{/api/bulk}."""

    def test_counted_then_done(self) -> None:
        """Without a number they are only counted; with it all are cancelled, and how far that is can be asked."""
        ids = [self.launch("Rig::WaitForUpdate") for _ in range(3)]
        counted = self.post("/api/bulk", {"query": "label:WaitForUpdate", "what": "cancel"})
        self.assertEqual((counted["matched"], counted["key"]), (3, None))
        self.assertEqual(self.engine.state(ids[0]), "running")
        self.engine.clock.advance(1)
        self.launch("Rig::WaitForUpdate")
        order = {"query": counted["query"], "what": "cancel", "expected": 2}
        self.assertEqual(self.request("POST", "/api/bulk", order)[0], 409)
        begun = self.post("/api/bulk", {**order, "expected": 3}, 202)
        self.engine.clock.advance(1)
        state = self.get(f"/api/bulk/{begun['key']}")
        self.assertEqual((state["matched"], state["reached"], state["refused"], state["over"]), (3, 3, 0, True))
        self.assertEqual(state["outcome"], "Done to 3 of 3 tasks.")
        self.assertEqual({self.engine.state(task) for task in ids}, {"stopped"})

    def test_what_cannot_be_done(self) -> None:
        """Is named; a key that nobody gave is 404."""
        self.assertEqual(self.request("POST", "/api/bulk", {"query": "", "what": "dance"})[0], 400)
        self.assertEqual(self.request("GET", "/api/bulk/nope")[0], 404)


class PruneTests(ManagementTestCase):
    """C{/api/prune}."""

    def test_what_is_over_goes(self) -> None:
        """What a search finds and what was over at that time, in the background; the audit log knows who wanted it."""
        old, *others = [self.launch(f"Rig::{name}") for name in ("Noop", "Effect", "WaitForUpdate")]
        self.engine.advance(100)
        young = self.launch("Rig::Noop")
        at = self.engine.clock.seconds() - 50
        begun = self.post("/api/prune", {"query": "label:Noop", "over_at": at}, 202)
        state = self.get(f"/api/prune/{begun['key']}")
        self.assertEqual((state["deleted"], state["over"], state["failed"]), (1, True, False))
        self.assertIn("1 tasks were deleted that were over at", state["outcome"])
        self.assertEqual(self.request("GET", f"/api/tasks/{old}")[0], 404)
        for task in (*others, young):
            self.get(f"/api/tasks/{task}")
        self.assertIn("prune", self.request("GET", "/dynflow/console/audit")[1])

    def test_one_that_fails(self) -> None:
        """Says so, and that nothing more is known than what the log has."""
        self.launch("Rig::Noop")
        self.engine.advance(100)
        self.engine.cleaner.retention = Retention(archive=Path(__file__))
        begun = self.post("/api/prune", {"over_at": self.engine.clock.seconds()}, 202)
        state = self.get(f"/api/prune/{begun['key']}")
        self.assertEqual((state["deleted"], state["over"], state["failed"]), (0, True, True))
        self.assertIn("Then it failed", state["outcome"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_what_cannot_be_done(self) -> None:
        """Is named; a key that nobody gave is 404."""
        for body in ({}, {"over_at": 1e12}, {"over_at": 1, "query": "colour:red"}):
            self.assertEqual(self.request("POST", "/api/prune", body)[0], 400)
        self.assertEqual(self.request("GET", "/api/prune/nope")[0], 404)


class ServiceTests(ManagementTestCase):
    """Hosts, queues, drain and scripts."""

    def test_hosts(self) -> None:
        """Each with what it does and its newest task; of one, why its tasks failed and its keys."""
        task = self.launch("Nasty<script>alert(1)</script>")
        (host,) = self.get("/api/hosts?q=script")["hosts"]
        self.assertEqual((host["name"], host["running"], host["last"]["id"]), ("<script>host</script>", 1, task))
        self.assertEqual(self.get("/api/hosts?q=nobody")["hosts"], [])
        self.post(f"/api/tasks/{task}/halt")
        found = self.get("/api/host?name=<script>host</script>")
        self.assertEqual(([each["id"] for each in found["tasks"]], found["keys"]), ([task], []))
        self.assertEqual(found["failures"][0]["count"], 1)

    def test_forgetting_a_key(self) -> None:
        """Takes it out of the file; nobody's key cannot be forgotten."""
        self.folder.mkdir()
        path = self.folder / "known_hosts"
        path.write_text("web1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFrVaFmDGhrVaFmDGhrVaFmDGhrVaFmDGhrVaFmDGhr\n")
        self.assertEqual(len(self.get("/api/host?name=web1")["keys"]), 1)
        self.post("/api/host/forget-key", {"name": "web1"})
        self.assertEqual(self.get("/api/host?name=web1")["keys"], [])
        self.assertEqual(self.request("POST", "/api/host/forget-key", {"name": ""})[0], 400)

    def test_the_queue(self) -> None:
        """Says what runs and what is stuck, and why."""
        self.launch("Rig::WaitForUpdate")
        paused = self.launch("Rig::RaiseInRun")
        found = self.get("/api/queue")
        self.assertEqual(found["running"], 1)
        self.assertEqual([each["task"]["id"] for each in found["stuck"]], [paused])
        self.assertEqual((found["queues"][0]["name"], found["callbacks"]["pending"]), ("default", 0))

    def test_the_status(self) -> None:
        """Says how the service is, and why tasks failed."""
        failed = self.launch("Rig::RaiseInRun")
        self.post(f"/api/tasks/{failed}/halt")
        self.engine.clock.advance(1)
        found = self.get("/api/status")
        self.assertEqual([item["name"] for item in found["health"] if item["ok"]][:1], ["database"])
        (failure,) = found["failures"]
        self.assertEqual((failure["cause"], failure["count"], failure["example"]["id"]), ("step-error", 1, failed))
        self.assertEqual((found["running"], found["stuck"]), (0, []))

    def test_drain(self) -> None:
        """New tasks are refused with 503 and the way back, those that there are go on; then new ones are taken."""
        known = "11111111-1111-4111-8111-111111111111"
        launched = {"operation": "ssh", "input": {known: {"action_class": "Rig::WaitForUpdate", "action_input": {}}}}
        answer = self.post("/tasks/launch", launched)
        self.assertEqual(self.get("/api/drain"), {"draining": False, "since": None, "by": None, "running": 1})
        drained = self.post("/api/drain", {"draining": True})
        self.assertEqual((drained["draining"], drained["by"], drained["running"]), (True, "127.0.0.1", 1))
        fresh = {"operation": "single", "input": {"action_class": "Rig::Noop"}}
        for path, body in (("/tasks/launch", fresh), ("/tasks", {"action_name": "Rig::Noop"})):
            status, refused = self.request("POST", path, body)
            self.assertEqual(status, 503)
            self.assertIn("`smartdyn drain --off`", refused["error"])
        # Foreman repeats a launch whose answer it did not get
        self.assertEqual(self.post("/tasks/launch", launched), answer)
        self.post(f"/api/tasks/{known}/cancel")
        self.assertEqual(self.engine.state(known), "stopped")
        self.assertFalse(self.post("/api/drain", {"draining": False})["draining"])
        self.assertEqual(self.post("/tasks/launch", fresh)["result"], "success")
