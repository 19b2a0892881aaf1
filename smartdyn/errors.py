"""One exception tree for the whole project.

Each class names what went wrong in the terms of the domain and carries its facts as fields, so that a handler never
has to parse a sentence. How an error is answered over HTTP stands in one table, ``smartdyn.web.errors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class SmartdynError(Exception):
    """Base of everything this project raises on purpose."""


class InvalidRequest(SmartdynError):
    """The caller sent something that cannot be understood; the message says what would be."""


class SearchNotUnderstood(InvalidRequest):
    """A search is none.

    @param place: the index of the character that is wrong.
    @param problem: what is wrong there, and what may stand there.
    """

    def __init__(self, place: int, problem: str) -> None:
        super().__init__(f"The search is not understood at character {place + 1}: {problem}.")
        self.place = place
        self.problem = problem


class SettingsError(SmartdynError):
    """A settings file cannot be used.

    @param problems: one sentence per problem, each with file and line where known.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PlanNotFound(SmartdynError):
    """No execution plan has this id."""

    def __init__(self, plan_id: str) -> None:
        super().__init__(f"There is no task {plan_id}.")
        self.plan_id = plan_id


class PlanConflict(SmartdynError):
    """A plan with this id exists already and was launched with another input."""

    def __init__(self, plan_id: str) -> None:
        super().__init__(
            f"Task {plan_id} exists already with a different input. Use a new id, or repeat the launch unchanged."
        )
        self.plan_id = plan_id


class NotPossibleNow(SmartdynError):
    """A task is in a state in which this cannot be done with it."""

    def __init__(self, plan_id: str, wish: str, state: str) -> None:
        super().__init__(f"Task {plan_id} is {state}; it cannot be {wish} now.")
        self.plan_id = plan_id
        self.wish = wish
        self.state = state


class StepNotCancellable(NotPossibleNow):
    """A task has no such step, or one that cannot be cancelled now.

    @param reason: why, as the end of a sentence.
    """

    def __init__(self, plan_id: str, step_id: int, state: str, reason: str) -> None:
        super().__init__(plan_id, f"cancelled at step {step_id}", state)
        self.step_id = step_id
        self.reason = reason

    def __str__(self) -> str:
        return f"Step {self.step_id} of task {self.plan_id} cannot be cancelled: {self.reason}."


class NothingToSend(SmartdynError):
    """A task has no result that is not sent any more."""

    def __init__(self, plan_id: str) -> None:
        super().__init__(f"Task {plan_id} has no result that would have to be sent again.")
        self.plan_id = plan_id


class MatchesChanged(SmartdynError):
    """A search finds more or fewer tasks than when somebody decided what to do to them."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"The search finds {found} tasks now, not {expected}. Nothing was done; look at them again.")
        self.expected = expected
        self.found = found


class UnknownOperation(SmartdynError):
    """No launcher is registered under this name."""

    def __init__(self, operation: str) -> None:
        super().__init__(f"Unknown operation '{operation}' requested.")
        self.operation = operation


class UnknownAction(SmartdynError):
    """No action class is registered under this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Unknown action class '{name}'. Is the plugin that provides it installed?")
        self.name = name


class UnknownTarget(SmartdynError):
    """A runner spoke of a host that is not one of its own."""

    def __init__(self, target: str) -> None:
        super().__init__(f"'{target}' is not a target of this job.")
        self.target = target


class IllegalTransition(SmartdynError):
    """A plan or step was asked to go to a state that cannot follow its present one."""

    def __init__(self, kind: str, old: str, new: str) -> None:
        super().__init__(f"invalid state transition {old} >> {new} in {kind}")
        self.kind = kind
        self.old = old
        self.new = new


class EventUndeliverable(SmartdynError):
    """An event found no step that could take it.

    @param optional: the sender said that this may happen, so nobody needs to be told.
    """

    def __init__(self, plan_id: str, step_id: int, reason: str, *, optional: bool = False) -> None:
        super().__init__(f"Event for step {step_id} of task {plan_id} was not delivered: {reason}")
        self.plan_id = plan_id
        self.step_id = step_id
        self.reason = reason
        self.optional = optional


class StoreError(SmartdynError):
    """The database could not do what was asked."""


class TooSlow(StoreError):
    """A query was given up."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"This takes longer than {seconds:g} s. Search for less: name a state, a host or a time.")
        self.seconds = seconds


class WriteRefused(StoreError):
    """The database will never take this write, however often it is tried: it breaks a constraint."""


class DatabaseInUse(StoreError):
    """Another process owns this database file."""

    def __init__(self, path: str, owner: str) -> None:
        super().__init__(
            f"The database {path} is in use by another smartdyn ({owner}). "
            "Stop that service first, or set another `database` in settings.yml."
        )
        self.path = path
        self.owner = owner


class CannotWrite(SmartdynError):
    """A file that somebody asked for cannot be written."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}.")
        self.path = path
        self.problem = problem


class DeadlineExceeded(SmartdynError):
    """Something took longer than it may."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"{what} took longer than {seconds:g} s")
        self.what = what
        self.seconds = seconds


class Draining(SmartdynError):
    """The service takes no new work, because somebody wants what there is to end.

    @param by: who that is.
    """

    def __init__(self, by: str) -> None:
        super().__init__(
            f"No new jobs are taken here: {by} is draining this service. Those that it has taken go on. "
            "`smartdyn drain --off` makes it take new ones again."
        )
        self.by = by


class TooManyViewers(SmartdynError):
    """So many are told already what comes that the service would be late with everything else."""

    def __init__(self) -> None:
        super().__init__("Too many are following outputs now; try again in a moment, or do without following.")


class ShuttingDown(SmartdynError):
    """The service is stopping and takes no new work."""

    def __init__(self) -> None:
        super().__init__("The service is stopping; try again in a moment.")
