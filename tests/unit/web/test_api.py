"""The API, through Klein's own routing, on a whole engine in memory."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from tests.support.web import WebTestCase


class RouteTests(WebTestCase):
    """What is found where."""

    def test_both_places(self) -> None:
        """Every task route is found at the root and below /dynflow."""
        for prefix in ("", "/dynflow"):
            self.assertEqual(self.request("GET", f"{prefix}/tasks/operations"), (200, ["single", "ssh"]))

    def test_what_is_not_found(self) -> None:
        """An unknown URL, a wrong method and a slash too many give the smart proxy's plain text."""
        for method, path in (
            ("GET", "/nope"),
            ("PUT", "/tasks/launch"),
            ("GET", "/tasks/count/"),
            ("GET", "/tasks"),
            ("POST", "/features"),
        ):
            self.assertEqual(self.request(method, path, {}), (404, "Requested url was not found"), path)

    def test_what_is_not_built(self) -> None:
        """Hosts that fetch their jobs, and cockpit, hear that there is no such thing here rather than nothing."""
        for method, path, reason in (
            ("GET", "/ssh/jobs", "no pull mode"),
            ("GET", "/ssh/jobs/1", "no pull mode"),
            ("POST", "/ssh/jobs/1/update", "no pull mode"),
            ("GET", "/ssh/jobs/1/cancel", "no pull mode"),
            ("POST", "/ssh/session", "no cockpit sessions"),
        ):
            status, answer = self.request(method, path, {})
            self.assertEqual(status, 404, path)
            self.assertIn(reason, answer["error"], path)

    def test_a_trailing_slash_on_launch(self) -> None:
        """Is optional, as in the reference."""
        for path in ("/tasks/launch", "/tasks/launch/"):
            self.assertEqual(self.request("POST", path, {"operation": "ssh"})[0], 200)

    def test_head(self) -> None:
        """Is answered for what can be read, without a body."""
        for path in ("/tasks/count", "/dynflow/tasks/operations", "/features", "/console"):
            self.assertEqual(self.request("HEAD", path), (200, ""), path)

    def test_features(self) -> None:
        """Foreman's registration finds the modules it knows."""
        self.assertEqual(self.request("GET", "/features"), (200, ["dynflow", "logs", "script"]))
        _, found = self.request("GET", "/v2/features")
        self.assertEqual(found["dynflow"]["capabilities"], ["single", "ssh"])
        self.assertEqual({module["state"] for module in found.values()}, {"running"})


class LaunchTests(WebTestCase):
    """Launching."""

    def test_a_batch_answers_for_each_child(self) -> None:
        """Children exist before the answer, under their own ids."""
        keys = [str(uuid4()) for _ in range(3)]
        body = {"operation": "ssh", "input": {key: {"action_class": "Rig::Noop", "action_input": {}} for key in keys}}
        status, answer = self.request("POST", "/dynflow/tasks/launch", body)
        self.assertEqual((status, set(answer)), (200, {"parent", *keys}))
        for key in keys:
            self.assertEqual(answer[key], {"result": "success", "task_id": key})
            self.assertEqual(self.request("GET", f"/tasks/{key}/status")[1]["state"], "stopped")

    def test_bad_requests(self) -> None:
        """Each is told what is wrong with it, in JSON."""
        cases: list[tuple[bytes, int]] = [
            (b"", 400),
            (b"{", 400),
            (b"[]", 400),
            (b"null", 400),
            (b"\xff", 400),
            (b'{"input": {}}', 400),
            (b'{"operation": "bogus"}', 404),
            (b'{"operation": ["ssh"]}', 404),
            (b'{"operation": "single", "input": {}}', 400),
            (b'{"operation": "ssh", "input": [1]}', 400),
            (b'{"operation": "single", "input": {"action_class": "Kernel"}}', 404),
        ]
        for body, expected in cases:
            status, answer = self.request("POST", "/tasks/launch", body)
            self.assertEqual((status, list(answer)), (expected, ["error"]), body)

    def test_a_plan_that_cannot_be_made(self) -> None:
        """The answer to a single launch has the error."""
        body = {"operation": "single", "input": {"action_class": "Rig::RaiseInPlan", "action_input": {}}}
        self.assertEqual(
            self.request("POST", "/tasks/launch", body),
            (200, {"result": "error", "errors": ["refused in plan phase (ValueError)"]}),
        )

    def test_the_request_id_is_kept(self) -> None:
        """It goes into the plan, in the place of the one in the input."""
        body = {"action_name": "Rig::Noop", "action_input": {"current_request_id": "other"}}
        _, answer = self.request("POST", "/tasks", body, **{"X-Request-Id": "from-foreman"})
        status = self.request("GET", f"/tasks/{answer['task_id']}/status")[1]
        self.assertEqual(status["actions"][0]["input"]["current_request_id"], "from-foreman")

    @settings(max_examples=60)
    @given(
        st.sampled_from(["/tasks/launch", "/tasks", "/tasks/status", "/tasks/statuses", "/tasks/x/update"]),
        st.one_of(
            st.binary(max_size=60),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(
                            [
                                "operation",
                                "input",
                                "action_class",
                                "action_name",
                                "action_input",
                                "task_ids",
                                "step_id",
                                "a/b",
                            ]
                        ),
                        inner,
                        max_size=4,
                    )
                ),
                max_leaves=8,
            ).map(lambda value: json.dumps(value).encode()),
        ),
    )
    def test_no_body_breaks_anything(self, path: str, body: bytes) -> None:
        """Whatever is posted, the answer is never a server error."""
        self.assertLess(self.request("POST", path, body)[0], 500)


class StatusTests(WebTestCase):
    """Looking at tasks."""

    def test_key_order_of_a_plan(self) -> None:
        """The keys are Dynflow's, in Dynflow's order."""
        _, found = self.request("GET", f"/tasks/{self.launch('Rig::Noop')}/status")
        self.assertEqual(
            list(found),
            [
                "id",
                "class",
                "label",
                "state",
                "result",
                "root_plan_step_id",
                "run_flow",
                "finalize_flow",
                "step_ids",
                "started_at",
                "ended_at",
                "execution_time",
                "real_time",
                "execution_history",
                "actions",
            ],
        )
        self.assertEqual(found["started_at"], "2026-11-23 16:32:20.100")

    def test_unknown_ids(self) -> None:
        """Unknown everywhere, each in its own way."""
        self.assertEqual(self.request("GET", "/tasks/nope/status"), (404, {}))
        self.assertEqual(self.request("POST", "/tasks/nope/cancel", {})[0], 404)
        self.assertEqual(self.request("POST", "/tasks/nope/done", {"step_id": 1}), (200, ""))

    def test_states_of_many(self) -> None:
        """Nulls, doubles and unknown ids are tolerated; a bare string is one id."""
        task = self.launch("Rig::Noop")
        expected = (200, {task: {"state": "stopped", "result": "success"}})
        self.assertEqual(self.request("POST", "/tasks/status", {"task_ids": [task, None, "nope", task, 5]}), expected)
        self.assertEqual(self.request("POST", "/tasks/status", {"task_ids": task}), expected)
        self.assertEqual(self.request("POST", "/tasks/status", {}), (200, {}))

    def test_statuses_need_ids(self) -> None:
        """Without ids they are refused with the documented text."""
        status, answer = self.request("POST", "/tasks/statuses", {"task_ids": []})
        self.assertEqual(status, 422)
        self.assertIn("non-empty array", answer["error"])

    def test_counts(self) -> None:
        """By state; an unknown one counts none; the last of several wins."""
        self.launch("Rig::Noop")
        self.launch("Rig::WaitForUpdate")
        for query, expected in (
            ("", (2, "all")),
            ("?state=all", (2, "all")),
            ("?state=running", (1, "running")),
            ("?state=", (0, "")),
            ("?state=bogus", (0, "bogus")),
            ("?state=running&state=stopped", (1, "stopped")),
        ):
            _, answer = self.request("GET", f"/tasks/count{query}")
            self.assertEqual((answer["count"], answer["state"]), expected, query)
        self.assertEqual(
            self.request("GET", "/tasks/count?state[]=running&state[]=stopped")[1],
            {"count": 2, "state": ["running", "stopped"]},
        )


class ReportTests(WebTestCase):
    """update and done."""

    def basic(self, user: str, password: str) -> str:
        """An Authorization header."""
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def test_reports_reach_the_step(self) -> None:
        """The whole body is the event's data."""
        task = self.launch("Rig::WaitForUpdate")
        self.assertEqual(self.request("POST", f"/tasks/{task}/update", {"step_id": 2, "x": 1}), (200, ""))
        _, status = self.request("GET", f"/tasks/{task}/status")
        self.assertEqual(status["actions"][0]["output"], {"events": [{"step_id": 2, "x": 1}]})

    def test_one_time_passwords(self) -> None:
        """Valid for their task only; done uses them up."""
        task = self.launch("Rig::WaitForUpdate", {"otp": True})
        password = self.request("GET", f"/tasks/{task}/status")[1]["actions"][0]["output"]["otp"]
        good = self.basic(task, password)
        refused = (403, {"error": "Invalid username or password supplied"})
        for bad in (
            "Bearer x",
            "Basic bad",
            self.basic(task, "no"),
            self.basic("other", password),
            "Basic " + base64.b64encode(task.encode()).decode(),
        ):
            self.assertEqual(self.request("POST", f"/tasks/{task}/update", {"step_id": 2}, Authorization=bad), refused)
        self.assertEqual(self.request("POST", f"/tasks/{task}/update", {"step_id": 2}, Authorization=good), (200, ""))
        self.assertEqual(self.request("POST", f"/tasks/{task}/done", {"step_id": 2}, Authorization=good), (200, ""))
        self.assertEqual(self.request("POST", f"/tasks/{task}/done", {"step_id": 2}, Authorization=good), refused)

    def test_a_malformed_report_harms_nothing(self) -> None:
        """It is refused, and the task goes on."""
        task = self.launch("Rig::WaitForUpdate")
        for body in (b"{", b"[]", b""):
            self.assertEqual(self.request("POST", f"/tasks/{task}/update", body)[0], 400)
        self.assertEqual(self.request("POST", f"/tasks/{task}/update", {"step_id": "abc"})[0], 200)
        self.assertEqual(self.request("GET", f"/tasks/{task}/status")[1]["state"], "running")


class DisconnectTests(WebTestCase):
    """Clients that go away."""

    def test_a_launch_is_stored_whatever_the_client_does(self) -> None:
        """A client that leaves while its launch is being stored has launched all the same."""
        self.engine.database.hold()
        body = {"operation": "single", "input": {"action_class": "Rig::Noop", "action_input": {}}}
        sent: Deferred[Any] = self.treq.post("http://127.0.0.1/tasks/launch", json=body)
        sent.addErrback(lambda failure: None)
        sent.cancel()
        self.treq.flush()
        self.engine.database.release()
        count = self.successResultOf(Deferred.fromCoroutine(self.engine.tasks.count(None)))
        self.assertEqual(count, 1)
