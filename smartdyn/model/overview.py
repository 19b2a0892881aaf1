"""What the first page of the console and the pages of hosts show: flat, read-only."""

from __future__ import annotations

from dataclasses import dataclass

from smartdyn.model.causes import Cause
from smartdyn.model.views import StateCount, TaskList, TaskSummary


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Tasks that failed for one cause.

    @param example: the one that ended last.
    @param last_line: of its output, as its host sent it, or of an error when it was no job; empty when there is none.
    """

    cause: Cause
    count: int
    last_at: float
    example: TaskSummary
    last_line: str = ""


@dataclass(frozen=True, slots=True)
class StuckTask:
    """A task that does not get on.

    @param reason: what it waits for, in a sentence.
    @param since: when that began.
    @param advice: what to do next, in a sentence.
    """

    task: TaskSummary
    reason: str
    since: float
    advice: str


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """
    @param size: steps that may run their code at the same time.
    @param busy: steps that do so now.
    @param waiting: steps that wait for their turn.
    """

    name: str
    size: int
    busy: int
    waiting: int


@dataclass(frozen=True, slots=True)
class CallbackBacklog:
    """What has not reached Foreman.

    @param pending: callbacks that are still sent.
    @param parked: callbacks that are not sent any more, unless somebody wants it.
    @param oldest: when the longest waiting one was promised.
    @param last_error: what came of the last attempt of one that waits, or else of one that is parked.
    @param cause: why that is, when something is wrong.
    """

    pending: int
    parked: int
    oldest: float | None
    last_error: str | None
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class HealthItem:
    """Something that the service needs.

    @param text: how it is; when it is not as it should be, also what to do.
    @param blocks: the service cannot do its work.
    """

    name: str
    ok: bool
    text: str
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """
    @param failures: those of the last 24 hours, the most frequent causes first.
    @param cancelled: how many tasks that ended in the last 24 hours somebody had cancelled.
    @param running: tasks that are being executed.
    @param throughput: how many tasks ended in each minute of the last hour, the present one last.
    """

    failures: tuple[FailureGroup, ...]
    cancelled: int
    stuck: tuple[StuckTask, ...]
    queues: tuple[QueueDepth, ...]
    running: int
    throughput: tuple[int, ...]
    callbacks: CallbackBacklog
    health: tuple[HealthItem, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A task that failed.

    @param error: the first line of what its step said, empty when that said nothing.
    """

    task: TaskSummary
    cause: Cause
    error: str


@dataclass(frozen=True, slots=True)
class HostPage:
    """
    @param tasks: the newest ones.
    @param running: how many are not over.
    @param failures: why its tasks failed, the most frequent causes first.
    @param troubles: the last tasks that failed.
    """

    name: str
    tasks: TaskList
    running: int
    failures: tuple[FailureGroup, ...]
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class ListedHost:
    """A host in a list.

    @param running: tasks that are not over.
    @param last: the newest task.
    """

    name: str
    running: int
    last: TaskSummary | None


@dataclass(frozen=True, slots=True)
class IntakeView:
    """Whether new tasks are taken.

    @param running: tasks that are being executed.
    @param drained_by: who wants no new ones to be taken; None when they are.
    @param since: since when.
    """

    running: int
    drained_by: str | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key that is known of a host.

    @param marker: C{cert-authority}, C{revoked} or empty.
    @param place: file and line.
    """

    type: str
    fingerprint: str
    marker: str
    place: str


@dataclass(frozen=True, slots=True)
class BatchPage:
    """The tasks that another one launched.

    @param counts: how many are in which state.
    @param hosts: on how many hosts they are.
    @param failures: why some failed, the most frequent causes first.
    @param going: the newest ones that are not over.
    @param failed: the newest ones that failed.
    @param ended_at: when the last one ended; None while one has not.
    """

    parent: TaskSummary
    counts: tuple[StateCount, ...]
    hosts: int
    failures: tuple[FailureGroup, ...]
    going: tuple[TaskSummary, ...]
    failed: tuple[TaskSummary, ...]
    ended_at: float | None

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(each.count for each in self.counts)

    @property
    def over(self) -> int:
        """How many of them have ended."""
        return sum(each.count for each in self.counts if each.is_over)


@dataclass(frozen=True, slots=True)
class OutputHit:
    """A task in whose output something was found.

    @param line: the first line with it.
    @param position: of the chunk in which that begins; None when the place could not be told.
    """

    task: TaskSummary
    line: str
    position: int | None
