"""The sentence that says what a task is doing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from smartdyn.model.causes import CANCELLED, by_key
from smartdyn.model.records import StepError
from smartdyn.model.views import (
    CallbackView,
    JobNote,
    OutputChunk,
    StateCount,
    StepView,
    TaskPage,
    TaskSummary,
    Waiting,
)
from smartdyn.web.console.explain import explain as explained

NOW = 1000.0
RUNNING = TaskPage(
    summary=TaskSummary("t", "RunScript", "running", "pending", "web3", 0.0, 0.0, None, None),
    status={},
    steps=(),
    output=(),
    output_is_cut=False,
    exit_status=None,
    progress=0.5,
    remarks=(),
    callbacks=(),
    children=(),
    child_counts=(),
)


def explain(page: TaskPage, now: float) -> str:
    """All sentences in one line."""
    return str(explained(page, now))


class ExplainTests(SynchronousTestCase):
    """What an admin reads first."""

    def ended(self, **fields: Any) -> TaskPage:
        """A task that has stopped."""
        return replace(RUNNING, summary=replace(RUNNING.summary, state="stopped", result="error"), **fields)

    def test_waiting_for_another_try(self) -> None:
        """A lost connection is named, and when it is tried again."""
        note = JobNote("The connection to web3 was lost: no answer.", NOW - 5, NOW + 12)
        self.assertEqual(
            explain(replace(RUNNING, note=note), NOW),
            "The connection to web3 was lost: no answer. Next try in 12.0 s.",
        )

    def test_waiting_for_long(self) -> None:
        """A job that waits says for how long, and after a while what to do."""
        note = JobNote("Connecting to web3 port 22.", NOW - 40)
        said = "Connecting to web3 port 22. For 40.0 s so far. Check the host and its sshd, or cancel the task."
        self.assertEqual(explain(replace(RUNNING, note=note), NOW), said)

    def test_what_to_do_next(self) -> None:
        """What went wrong, what is in the way of a job, and what keeps Foreman uninformed each come with advice."""
        failed = self.ended(exit_status=3, cause=by_key("exit-3"))
        said = "The script on web3 failed: exit status 3. Read the end of its output: the script itself says there why"
        self.assertEqual(explain(failed, NOW), f"{said} it gave up.")
        waiting = replace(RUNNING, note=JobNote("ssh: connect to host web3 port 22: Connection refused.", NOW, NOW + 9))
        self.assertIn("Next try in 9.0 s. Check that sshd runs", explain(waiting, NOW))
        parked = self.ended(exit_status=0, callbacks=(CallbackView("parked", 1, "HTTP 404: no", NOW, None),))
        self.assertIn("not sent to Foreman any more: HTTP 404: no. Check in Foreman", explain(parked, NOW))
        self.assertTrue(explain(parked, NOW).endswith("Then send it again."))
        waits = self.ended(exit_status=0, callbacks=(CallbackView("pending", 1, "HTTP 500: no", NOW, None),))
        self.assertTrue(explain(waits, NOW).endswith("The result is sent again by itself."))

    def test_a_note_ends_with_the_job(self) -> None:
        """What was waited for is no longer of interest."""
        page = self.ended(exit_status=3, note=JobNote("Connecting.", NOW))
        self.assertEqual(explain(page, NOW), "The script on web3 failed: exit status 3.")

    def test_a_job_that_could_not_be_run(self) -> None:
        """The last line of the reason is what matters."""
        page = self.ended(exit_status="EXCEPTION", output=(OutputChunk(0, "debug", 0.0, "Error\nno route\n"),))
        self.assertEqual(explain(page, NOW), "The job on web3 could not be run: no route.")

    def test_what_ended_it_comes_before_the_exit_status(self) -> None:
        """Of a job that was cancelled or ran out of time, the exit status is not what matters."""
        page = self.ended(exit_status=255, cause=CANCELLED)
        self.assertTrue(explain(page, NOW).startswith("It was cancelled: the job on web3 was ended."))

    def test_one_step_was_cancelled(self) -> None:
        """Is said with the name, and not that the script failed; a task that went well nevertheless says both."""
        step = StepView(3, 1, None, "run", "X", "success", None, 0.0, 1.0, 0.0, 1.0, "success", 1.0, cancelled_by="ann")
        nothing = "Nothing is to be done, unless it should have run."
        page = self.ended(exit_status=255, cause=CANCELLED, steps=(step,))
        self.assertEqual(explain(page, NOW), f"Step 3 was cancelled by ann. Its exit status is 255. {nothing}")
        page = self.ended(cause=CANCELLED, steps=(replace(step, cancelled_by=""), *4 * (replace(step, id=4),)))
        said = "Step 3 was cancelled. Step 4 was cancelled by ann. Step 4 was cancelled by ann. Others were, too."
        self.assertEqual(explain(page, NOW), f"{said} {nothing}")
        well = replace(page, summary=replace(page.summary, result="success"), cause=None, steps=(step,))
        said = "It ended with the result success. Step 3 was cancelled by ann."
        self.assertEqual(explain(well, NOW), f"{said} {nothing}")

    def test_what_is_no_job(self) -> None:
        """A task without a host waits for an event, or for the tasks that it launched."""
        task = replace(RUNNING, summary=replace(RUNNING.summary, host=None))
        step = StepView(1, 1, None, "run", "Rig::Noop", "suspended", None, 0.0, None, 0.0, 0.0, "suspended", 0.0)
        self.assertEqual(explain(replace(task, steps=(step,)), NOW), "A step waits for an event.")
        batch = replace(task, steps=(step,), child_counts=(StateCount("running", "pending", 2),))
        self.assertEqual(explain(batch, NOW), "It launched 2 jobs: 2 running or waiting.")

    def test_a_decision_is_wanted(self) -> None:
        """A paused task says what can be decided."""
        paused = replace(RUNNING, summary=replace(RUNNING.summary, state="paused"), cause=by_key("step-error"))
        self.assertTrue(explain(paused, NOW).endswith("Then resume the task, or skip the step first."))

    def test_what_is_skipped(self) -> None:
        """Is said as soon as it is decided, with what is still to be done, and when the task is over."""
        step = StepView(3, 2, None, "run", "X", "skipping", StepError("E", "no"), 0.0, 1.0, 0.0, 1.0, "skipping", 0.0)
        final = replace(step, id=4, phase="finalize", state="skipped", error=None)
        summary, cause = replace(RUNNING.summary, state="paused", result="warning"), by_key("step-error")
        page = replace(RUNNING, summary=summary, cause=cause, steps=(step, final))
        self.assertEqual(explain(page, NOW), "Step 3 will be left out. Resume the task.")
        more = replace(page, steps=(*page.steps, replace(step, id=5, state="error", error=StepError("E", "yes"))))
        self.assertIn("waits for a decision: yes. Step 3 will be left out. Read the step's error", explain(more, NOW))
        over = replace(page, summary=replace(summary, state="stopped"), steps=(replace(step, state="skipped"), final))
        nothing = "Step 3 was skipped. Nothing is to be done, unless what was skipped is needed."
        self.assertEqual(explain(over, NOW), f"It ended. {nothing}")
        script = replace(over, exit_status=0)
        self.assertEqual(explain(script, NOW), f"The script on web3 succeeded: exit status 0. {nothing}")
        several = tuple(replace(step, id=number, action_id=number, state="skipped") for number in (3, 5, 7, 9, 11))
        for count, steps in ((2, "Steps 3 and 5"), (4, "Steps 3, 5, 7 and 9"), (5, "Steps 3, 5, 7 and others")):
            self.assertIn(f"It ended. {steps} were skipped.", explain(replace(over, steps=several[:count]), NOW))

    def test_put_off(self) -> None:
        """A task that has not begun says when it starts, what it waits for, and when it is too late."""
        task = replace(RUNNING, summary=replace(RUNNING.summary, state="scheduled"))
        for waiting, said in (
            (Waiting(start_at=3600.0), "It starts at 1970-01-01 01:00:00 UTC."),
            (Waiting(start_at=NOW - 1, blocked_by=("a" * 36,)), "It waits for task aaaaaaaa."),
            (Waiting(NOW + 1, blocked_by=tuple("abcd")), "at the earliest. It waits for tasks a, b, c and others."),
            (Waiting(start_before=3600.0), "If it has not started by 1970-01-01 01:00:00 UTC, it fails."),
            (Waiting(frozen=True), "It does not start before somebody lets it go."),
            (Waiting(start_at=NOW), "It is about to start."),
        ):
            self.assertTrue(explain(replace(task, waiting=waiting), NOW).endswith(said), said)

    def test_what_came_of_a_batch(self) -> None:
        """A task that launched others says how they fared, as it is now."""
        states = (("stopped", "success", 2), ("stopped", "error", 1), ("running", "pending", 1))
        batch = self.ended(child_counts=tuple(StateCount(*each) for each in states))
        batch = replace(batch, summary=replace(batch.summary, result="success"))
        said = "It launched 4 jobs: 2 succeeded, 1 failed, 1 running or waiting."
        self.assertEqual(explain(batch, NOW), said)
