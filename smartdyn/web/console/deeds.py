"""What people can do to a task or to one of its steps: what that means, when it is possible, and where it is done."""

from __future__ import annotations

from smartdyn.model.states import PlanState, StepState
from smartdyn.model.views import StepView, TaskPage

DEEDS = {
    "cancel": ("Cancel", "Its running steps are asked to end; scripts on hosts are stopped."),
    "force-cancel": (
        "Cancel by force",
        "Its running steps are ended without waiting for them. A script may go on running on its host.",
    ),
    "resume": ("Resume", "Failed steps are tried again, and what follows them goes on."),
    "resend": ("Send the result again", "Foreman is told once more how it ended, and for a day if it does not answer."),
    "halt": ("Halt", "The task is stopped as it is; nothing on the host is ended or cleaned up, nothing is resumed."),
}
"""To a task: each with its name and what it means."""

STEP_DEEDS = {
    "cancel": ("Cancel step", "The step is asked to end, and a script of it is stopped; the other steps go on."),
    "skip": ("Skip step", "The step and what depends on it will be left out when the task is resumed."),
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


def possible_to_step(page: TaskPage, step: StepView) -> list[str]:
    """What can be done to one of its steps now."""
    if step.cancellable:
        return ["cancel"]
    if step.state == StepState.ERROR and page.summary.state == PlanState.PAUSED:
        return ["skip"]
    return []
