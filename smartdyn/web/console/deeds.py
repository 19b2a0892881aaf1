"""What people can do to a task or to one of its steps: what that means, when it is possible, and where it is done."""

from __future__ import annotations

from smartdyn.model.states import PlanState, StepState
from smartdyn.model.views import StepView, TaskPage

DEEDS = {
    "cancel": (
        "Cancel",
        "Its running steps are asked to end; scripts on hosts are stopped.",
        "Only a task that is running or put off can be cancelled.",
    ),
    "force-cancel": (
        "Cancel by force",
        "Its running steps are ended without waiting for them. A script may go on running on its host.",
        "Only a running task can be cancelled by force.",
    ),
    "resume": (
        "Resume",
        "Failed steps are tried again, and what follows them goes on.",
        "Only a paused task can be resumed.",
    ),
    "resend": (
        "Send the result again",
        "Foreman is told once more how it ended, and for a day if it does not answer.",
        "Only a result that Foreman has not got and that is not sent any more can be sent again.",
    ),
    "halt": (
        "Halt",
        "The task is stopped as it is; nothing on the host is ended or cleaned up, nothing is resumed.",
        "A task that is over cannot be halted.",
    ),
}
"""To a task: each with its name, what it means, and when it is possible."""

STEP_DEEDS = {
    "cancel": (
        "Cancel step",
        "The step is asked to end, and a script of it is stopped; the other steps go on.",
        "Only a step of the run phase that is under way can be cancelled, and only if its action can be.",
    ),
    "skip": (
        "Skip step",
        "The step and what depends on it will be left out when the task is resumed.",
        "Only a failed step of a paused task can be skipped.",
    ),
}
"""Likewise to one of its steps."""


def title(deed: str, step: int = 0) -> str:
    """What a deed is called.

    @param step: the step that it is done to, if it is.
    """
    return f"{STEP_DEEDS[deed][0]} {step}" if step else DEEDS[deed][0]


def target(deed: str, step: int | str = 0) -> str:
    """Where it is done, below the task."""
    return f"{deed}/{step}" if step else deed


def route(deed: str, step: int = 0) -> str:
    """The console's route for it."""
    return f"POST /console/<plan_id>/{target(deed, '<step>' if step else 0)}"


def possible(page: TaskPage) -> list[str]:
    """What can be done to a task now."""
    state = page.summary.state
    found = []
    if state == PlanState.PAUSED:
        found.append("resume")
    if state in {PlanState.RUNNING, PlanState.SCHEDULED}:
        found.append("cancel")
    if state == PlanState.RUNNING:
        found.append("force-cancel")
    if state != PlanState.STOPPED:
        found.append("halt")
    if any(callback.state == "parked" for callback in page.callbacks):
        found.append("resend")
    return found


def why_not(page: TaskPage, deed: str, step_id: int = 0) -> str:
    """Why something cannot be done now; empty when it can."""
    state = page.summary.state
    if not step_id:
        return "" if deed in possible(page) else f"The task is {state}. {DEEDS[deed][2]}"
    step = next((each for each in page.steps if each.id == step_id), None)
    if step is None:
        return f"The task has no step {step_id}."
    if deed in possible_to_step(page, step):
        return ""
    return f"Step {step_id} is {step.state}, and the task is {state}. {STEP_DEEDS[deed][2]}"


def possible_to_step(page: TaskPage, step: StepView) -> list[str]:
    """What can be done to one of its steps now."""
    if step.cancellable:
        return ["cancel"]
    if step.state == StepState.ERROR and page.summary.state == PlanState.PAUSED:
        return ["skip"]
    return []
