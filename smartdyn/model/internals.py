"""What the service is doing inside, for people: flat, read-only, and without values of anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Instance:
    """This life of the service.

    @param memory: bytes that are resident; None where the system does not tell.
    @param descriptors: open files and sockets; None where the system does not tell.
    """

    world_id: str
    version: str
    hostname: str
    pid: int
    started_at: float
    memory: int | None
    descriptors: int | None
    most_descriptors: int | None


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Something of which there is only so much.

    @param limit: how much may be used at the same time; None when nothing says so.
    """

    name: str
    used: int
    limit: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Limit:
    """
    @param name: of the setting, or in words where there is none.
    """

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Timer:
    """
    @param due_in: seconds; less than nothing when it is late.
    @param what: the function that is called then.
    """

    due_in: float
    what: str


@dataclass(frozen=True, slots=True)
class HostConnectionView:
    """A connection to a host.

    @param state: C{opening}, C{open}, or C{idle} when nobody uses it.
    @param age: seconds since it was begun.
    @param tasks: those that use it, or wait until it is open.
    """

    account: str
    state: str
    age: float
    sessions: int
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoroutineView:
    """Something that works in the background.

    @param age: seconds since it began.
    @param awaits: where it stands, from the outside in: file, line and function each.
    """

    part: str
    name: str
    age: float
    awaits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Some(Generic[T]):
    """Some of many.

    @param start: how many are before these.
    @param total: how many there are.
    """

    items: tuple[T, ...]
    start: int
    total: int

    @property
    def following(self) -> int | None:
        """Where the next ones begin; None when there are none."""
        end = self.start + len(self.items)
        return end if end < self.total else None


@dataclass(frozen=True, slots=True)
class Trends:
    """The most that there was in each minute of the last hour, the present one last.

    @param running: tasks that were being executed.
    @param waiting: steps, and jobs for their hosts, that waited for their turn.
    @param unreported: results that waited to be sent to Foreman.
    @param late: milliseconds by which the service came late to what was due.
    """

    running: tuple[int, ...]
    waiting: tuple[int, ...]
    unreported: tuple[int, ...]
    late: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Internals:
    """All of it."""

    instance: Instance
    pools: tuple[PoolUse, ...]
    limits: tuple[Limit, ...]
    timers: Some[Timer]
    connections: Some[HostConnectionView]
    coroutines: Some[CoroutineView]
