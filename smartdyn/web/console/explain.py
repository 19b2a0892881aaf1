"""What happened to a task, or what it waits for, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from smartdyn.model.causes import CANCELLED, why_untold, why_waiting
from smartdyn.model.states import PlanResult, PlanState, StepState
from smartdyn.model.views import CallbackView, StateCount, TaskPage, Waiting
from smartdyn.web.console.format import duration, short, time

_LONG_WAIT = 10.0
"""Seconds after which something may be wrong with what a job waits for."""

_NAMED = 3
"""Tasks or steps that are named."""

_TO_DECIDE = "Then resume the task, or skip the step first."

_LEFT_OUT = "Resume the task."

_SKIPPED = "Nothing is to be done, unless what was skipped is needed."

_AWAITED = "A step waits for an event."

_ENDED_BY = frozenset({"cancelled", "timeout"})
"""Causes for which the exit status says nothing."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an admin wants to know first.

    @param what: what happened, or what is awaited.
    @param advice: what to do next; empty when nothing is to be done.
    @param report: whether Foreman knows; empty when it is not to be told.
    """

    what: str
    advice: str
    report: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.advice, self.report) if part)


def explain(page: TaskPage, now: float) -> Explanation:
    """Everything that is known, in a few sentences."""
    what = _note(page, now) or _state(page, now)
    return Explanation(what, _advice(page, now), " ".join(_callbacks(page, now)))


def _note(page: TaskPage, now: float) -> str:
    """What a job that has not ended is waiting for."""
    note = page.note
    if note is None or page.summary.state != PlanState.RUNNING:
        return ""
    since = f" For {duration(now - note.at)} so far." if now - note.at >= 1 else ""
    if note.next_attempt_at is None:
        return note.text + since
    return f"{note.text} Next try in {duration(max(note.next_attempt_at - now, 0.0))}."


def _advice(page: TaskPage, now: float) -> str:
    """What to do next."""
    if _was_skipped(page):
        return _SKIPPED
    if page.summary.state == PlanState.PAUSED and _left_out(page) and not _failed(page):
        return _LEFT_OUT
    if page.summary.state == PlanState.RUNNING:
        cause = why_waiting(page.note.text) if page.note else None
        if cause is None and page.note is not None and now - page.note.at >= _LONG_WAIT:
            return "Check the host and its sshd, or cancel the task."
    else:
        cause = page.cause or (CANCELLED if _cancelled(page) else None)
    if cause is not None and page.summary.state == PlanState.PAUSED:
        return f"{cause.advice} {_TO_DECIDE}"
    return cause.advice if cause else ""


def _state(page: TaskPage, now: float) -> str:
    task = page.summary
    where = f" on {task.host}" if task.host else ""
    if task.state == PlanState.STOPPED:
        return _stopped(page, where)
    if task.state == PlanState.PAUSED:
        return _paused(page)
    if task.state == PlanState.RUNNING:
        return _running(page, where)
    if task.state == PlanState.SCHEDULED:
        return _scheduled(page.waiting, now)
    return f"It is {task.state} and has not begun."


def _paused(page: TaskPage) -> str:
    """What has to be decided, and what was."""
    steps = _left_out(page)
    leaves = f"{_steps(steps)} will be left out." if steps else ""
    if leaves and not _failed(page):
        return leaves
    return f"A step failed and the task waits for a decision: {_first_error(page)} {leaves}".rstrip()


def _failed(page: TaskPage) -> bool:
    return any(step.state == StepState.ERROR for step in page.steps)


def _left_out(page: TaskPage) -> list[int]:
    """The steps that somebody skips; with a step of the run phase goes that of the finalize phase."""
    skipped = [step for step in page.steps if step.state in {StepState.SKIPPING, StepState.SKIPPED}]
    running = {step.action_id for step in skipped if step.phase == "run"}
    return [step.id for step in skipped if step.phase == "run" or step.action_id not in running]


def _steps(ids: Sequence[int]) -> str:
    """Some steps, at the beginning of a sentence."""
    if len(ids) == 1:
        return f"Step {ids[0]}"
    first, last = ids[: min(_NAMED, len(ids) - 1)], "others" if len(ids) > _NAMED + 1 else str(ids[-1])
    return f"Steps {', '.join(map(str, first))} and {last}"


def _scheduled(waiting: Waiting, now: float) -> str:
    """Why it has not begun."""
    said = []
    if waiting.frozen:
        said.append("It does not start before somebody lets it go.")
    if waiting.start_at is not None and waiting.start_at > now:
        earliest = " at the earliest" if waiting.blocked_by or waiting.frozen else ""
        said.append(f"It starts at {time(waiting.start_at)}{earliest}.")
    if waiting.blocked_by:
        first = ", ".join(map(short, waiting.blocked_by[:_NAMED]))
        others = " and others" if len(waiting.blocked_by) > _NAMED else ""
        said.append(f"It waits for {'task' if len(waiting.blocked_by) == 1 else 'tasks'} {first}{others}.")
    if waiting.start_before is not None:
        said.append(f"If it has not started by {time(waiting.start_before)}, it fails.")
    return " ".join(said) or "It is about to start."


def _running(page: TaskPage, where: str) -> str:
    if page.child_counts:
        return _launched(page.child_counts)
    if any(step.state == "suspended" for step in page.steps) and not page.output:
        return f"The job{where} has been started and has not printed anything yet." if where else _AWAITED
    return f"The job{where} is running." if where else "It is running."


def _stopped(page: TaskPage, where: str) -> str:
    """How it ended, and which of its steps somebody cancelled."""
    cancelled = _cancelled(page)
    if cancelled and page.cause == CANCELLED:
        status = f" Its exit status is {page.exit_status}." if page.exit_status is not None else ""
        return f"{cancelled}{status}"
    return " ".join(part for part in (_ended(page, where), _was_skipped(page), cancelled) if part)


def _was_skipped(page: TaskPage) -> str:
    """Which steps were left out of a task that has ended without an error; empty when none was."""
    steps = _left_out(page)
    if not steps or (page.summary.state, page.summary.result) != (PlanState.STOPPED, PlanResult.WARNING):
        return ""
    return f"{_steps(steps)} {'was' if len(steps) == 1 else 'were'} skipped."


def _cancelled(page: TaskPage) -> str:
    """Which steps somebody cancelled, and who; empty when it was none, or the whole task."""
    told = [step for step in page.steps if step.cancelled_by is not None]
    said = [f"Step {step.id} was cancelled{f' by {step.cancelled_by}' if step.cancelled_by else ''}." for step in told]
    return " ".join(said[:_NAMED] + (["Others were, too."] if len(said) > _NAMED else []))


def _ended(page: TaskPage, where: str) -> str:
    if page.cause is not None and page.cause.key in _ENDED_BY:
        status = f" Its exit status is {page.exit_status}." if page.exit_status is not None else ""
        return f"{page.cause.title}: the job{where} was ended.{status}"
    if page.exit_status == "EXCEPTION":
        said = next((chunk.text for chunk in reversed(page.output) if chunk.type == "debug"), "").strip()
        what = f"The job{where} could not be run: {_sentence(said.splitlines()[-1]) if said else _first_error(page)}"
        return f"{page.cause.title}. {what}" if page.cause is not None else what
    if page.exit_status is not None:
        verdict = "succeeded" if page.exit_status == 0 else "failed"
        return f"The script{where} {verdict}: exit status {page.exit_status}."
    if page.summary.result == PlanResult.ERROR:
        return f"It failed: {_first_error(page)}"
    if page.child_counts:
        return _launched(page.child_counts)
    return "It ended." if _was_skipped(page) else f"It ended with the result {page.summary.result}."


def _launched(states: Sequence[StateCount]) -> str:
    """What has come of the jobs of a batch."""
    counts: Counter[str] = Counter()
    for each in states:
        counts[each.result if each.is_over else "running or waiting"] += each.count
    words = {
        "success": "succeeded",
        "error": "failed",
        "warning": "ended with a warning",
        "cancelled": "were cancelled",
    }
    said = ", ".join(f"{count} {words.get(name, name)}" for name, count in counts.most_common())
    total = counts.total()
    return f"It launched {total} {'job' if total == 1 else 'jobs'}: {said}."


def _callbacks(page: TaskPage, now: float) -> list[str]:
    sentences = []
    for callback in page.callbacks:
        if callback.state == "delivered":
            sentences.append("Foreman has the result.")
        elif callback.state == "parked":
            sentences.append(f"The result is not sent to Foreman any more: {callback.last_error}. {_untold(callback)}")
        elif callback.attempts:
            wait = duration(max(callback.next_attempt_at - now, 0.0))
            sentences.append(
                f"Foreman could not be told yet ({callback.attempts} attempts: {callback.last_error}); "
                f"next try in {wait}. {_untold(callback)}"
            )
        else:
            sentences.append("Foreman is being told.")
    return sentences


def _untold(callback: CallbackView) -> str:
    return why_untold(callback.last_error or "", parked=callback.state == "parked").advice


def _first_error(page: TaskPage) -> str:
    errors = [step.error for step in page.steps if step.error and step.state == StepState.ERROR]
    return _sentence(errors[0].message) if errors else "no error was recorded."


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
