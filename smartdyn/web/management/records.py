"""What the requests and answers of the management API are made of; times are seconds since the epoch."""

from __future__ import annotations

import msgspec

from smartdyn.model.overview import CallbackBacklog, HealthItem, HostKey, ListedHost, QueueDepth
from smartdyn.model.views import CallbackView, JobNote, StateCount, TaskSummary


class TaskPageAnswer(msgspec.Struct, frozen=True):
    """Tasks, the newest first if nothing else was asked for.

    @ivar older: what C{before} has to be for the next ones; none when these are the last.
    """

    tasks: tuple[TaskSummary, ...]
    older: str | None


class StepAnswer(msgspec.Struct, frozen=True):
    """A step of a task."""

    id: int
    action: str
    phase: str
    state: str
    queue: str | None
    started_at: float | None
    ended_at: float | None
    real_time: float
    execution_time: float
    error: str | None


class TaskAnswer(msgspec.Struct, frozen=True):
    """All about a task.

    @ivar explanation: in a sentence or two, what happened or what is awaited, and what to do.
    @ivar cause: why it did not go well; one of those that C{cause:} in a search knows.
    """

    task: TaskSummary
    explanation: str
    cause: str | None
    exit_status: int | str | None
    progress: float
    note: JobNote | None
    steps: list[StepAnswer]
    callbacks: tuple[CallbackView, ...]
    children: tuple[StateCount, ...]


class Done(msgspec.Struct, frozen=True):
    """What was done to a task.

    @ivar steps: the steps that were left out, the one that was told to end, or how many were.
    """

    task_id: str
    steps: list[int] | int | None = None


class Resent(msgspec.Struct, frozen=True):
    """How many results are sent to Foreman again."""

    results: int


class BulkOrder(msgspec.Struct, frozen=True):
    """What is to be done to all tasks that a search finds.

    @ivar what: C{cancel}, C{resume} or C{skip}.
    @ivar expected: how many it was said that these are; if they are more by now, nothing is done. Without it nothing is
        done either, but said how many they are.
    """

    query: str
    what: str
    expected: int | None = None


class BulkAnswer(msgspec.Struct, frozen=True):
    """How many tasks that concerns.

    @ivar query: the search, with the time of now as its end.
    @ivar key: where to ask how far it has come; none when it was not begun.
    """

    query: str
    what: str
    matched: int
    key: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """Why it could not be done to a task."""

    task_id: str
    reason: str


class BulkState(msgspec.Struct, frozen=True):
    """How far it has come."""

    what: str
    query: str
    matched: int
    reached: int
    refused: int
    over: bool
    outcome: str
    problems: list[Problem]


class PruneOrder(msgspec.Struct, frozen=True):
    """What is to be deleted.

    @ivar over_at: tasks have to have been over at this time.
    """

    over_at: float
    query: str = ""


class PruneState(msgspec.Struct, frozen=True):
    """How far that has come.

    @ivar deleted: tasks that are gone; null when that was in an earlier life of the service.
    @ivar failed: it did not come to its end, or nobody knows.
    """

    key: str
    deleted: int | None
    over: bool
    failed: bool
    outcome: str


class FailureAnswer(msgspec.Struct, frozen=True):
    """Why tasks failed.

    @ivar example: the one that ended last.
    """

    cause: str
    title: str
    advice: str
    count: int
    last_at: float
    example: TaskSummary


class HostsAnswer(msgspec.Struct, frozen=True):
    """Hosts, by name."""

    hosts: list[ListedHost]


class HostAnswer(msgspec.Struct, frozen=True):
    """All about a host.

    @ivar running: tasks that are not over.
    """

    name: str
    running: int
    tasks: tuple[TaskSummary, ...]
    failures: list[FailureAnswer]
    keys: list[HostKey]


class HostName(msgspec.Struct, frozen=True):
    """Which host is meant."""

    name: str


class StuckAnswer(msgspec.Struct, frozen=True):
    """A task that does not get on."""

    task: TaskSummary
    reason: str
    since: float
    advice: str


class QueueAnswer(msgspec.Struct, frozen=True):
    """What is going on, and what waits for what.

    @ivar drained_by: who wants no new jobs to be taken, if somebody does.
    """

    running: int
    drained_by: str | None
    queues: tuple[QueueDepth, ...]
    callbacks: CallbackBacklog
    stuck: list[StuckAnswer]


class StatusAnswer(msgspec.Struct, frozen=True):
    """What has to be known first.

    @ivar health: what the service needs, and how that is.
    @ivar failures: those of the last 24 hours, the most frequent causes first.
    """

    version: str
    health: tuple[HealthItem, ...]
    failures: list[FailureAnswer]
    stuck: list[StuckAnswer]
    running: int
    callbacks: CallbackBacklog


class DrainOrder(msgspec.Struct, frozen=True):
    """Whether new tasks are to be refused."""

    draining: bool


class DrainAnswer(msgspec.Struct, frozen=True):
    """Whether new tasks are refused, since when and by whom, and how many tasks have not ended."""

    draining: bool
    since: float | None
    by: str | None
    running: int


class Run(msgspec.Struct, frozen=True):
    """A script for one host, of which Foreman knows nothing.

    @ivar time_limit: seconds; none when it may take as long as it wants.
    """

    host: str
    script: str
    user: str = "root"
    port: int = 22
    effective_user: str | None = None
    effective_user_method: str = "sudo"
    time_limit: float | None = None
    ssh_password: str | None = None
    effective_user_password: str | None = None


class OutputEnd(msgspec.Struct, frozen=True):
    """The last line of an output.

    @ivar over: whether the task is, so that no more can come.
    """

    over: bool
    state: str
    result: str
    exit_status: int | str | None
