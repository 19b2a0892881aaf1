"""What the service is doing inside, put together for the console."""

from __future__ import annotations

import heapq
import os
import resource
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from smartdyn import __version__
from smartdyn.model.internals import (
    CoroutineView,
    HostConnectionView,
    Instance,
    Internals,
    Limit,
    PoolUse,
    Some,
    Timer,
    Trends,
)
from smartdyn.observing.awaiting import awaited
from smartdyn.observing.parts import Parts

T = TypeVar("T")

_LIMITS: Final = (
    "ssh_connections_at_once",
    "ssh_connections_at_once_in_all",
    "ssh_sessions_per_connection",
    "ssh_keep_connection",
    "ssh_connect_timeout",
    "reconnect_limit",
    "kill_grace",
    "kill_limit",
    "execution_plan_cleaner_age",
    "database_size_limit",
    "log_buffer",
)
"""Settings that limit something."""


class Inspector:
    """Looks inside; as much is told as is asked for, since there may be thousands of everything."""

    def __init__(self, parts: Parts, hostname: str, pid: int) -> None:
        self._parts = parts
        self._hostname = hostname
        self._pid = pid
        self._started_at = parts.world.now()

    def look(self, most: int) -> Internals:
        """Everything, and at most so many of each kind of which there are many."""
        return Internals(
            instance=self._instance(),
            pools=tuple(self._pools()),
            limits=tuple(self._limits()),
            timers=self.timers(0, most),
            connections=self.connections(0, most),
            coroutines=self.coroutines(0, most),
        )

    def trends(self) -> Trends:
        """How much there was to do lately."""
        return self._parts.trends.last_hour()

    def timers(self, start: int, most: int) -> Some[Timer]:
        """The timers that are set, those that are due first before the others."""
        calls, now = self._parts.reactor.getDelayedCalls(), self._parts.reactor.seconds()
        first = heapq.nsmallest(start + most, calls, key=lambda call: float(call.getTime()))
        found = [Timer(call.getTime() - now, _name(call.func)) for call in first[start:]]
        return Some(tuple(found), start, len(calls))

    def connections(self, start: int, most: int) -> Some[HostConnectionView]:
        """The connections to hosts, the oldest first."""
        return _some(self._parts.hosts.connections(), start, most, lambda view: view)

    def coroutines(self, start: int, most: int) -> Some[CoroutineView]:
        """What works in the background, part by part, what began first before the others."""
        now = self._parts.reactor.seconds()
        every = [(part, work) for part, spawner in self._parts.spawners.items() for work in spawner.running()]
        return _some(
            every,
            start,
            most,
            lambda each: CoroutineView(each[0], each[1].name, now - each[1].since, awaited(each[1].coroutine)),
        )

    def _instance(self) -> Instance:
        return Instance(
            world_id=self._parts.world.id,
            version=__version__,
            hostname=self._hostname,
            pid=self._pid,
            started_at=self._started_at,
            memory=_memory(),
            descriptors=_descriptors(),
            most_descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )

    def _pools(self) -> Sequence[PoolUse]:
        parts, load = self._parts, self._parts.hosts.load()
        threads = [
            PoolUse(f"threads: {name}", len(pool.working), pool.max, pool.q.qsize())
            for name, pool in parts.threads.items()
        ]
        readers = [
            PoolUse(f"database: {name} reader", int(each.is_busy), 1, each.waiting)
            for name, each in parts.database.readers().items()
        ]
        return [
            PoolUse("SSH connections", load.connections_open, None, load.connections_opening),
            PoolUse("SSH sessions", load.sessions, None, 0),
            PoolUse("jobs that are being started", load.starting, load.starting_limit, load.starting_waiting),
            PoolUse("database: writer", int(parts.database.writing_for > 0), 1, parts.database.queued),
            *readers,
            PoolUse("requests to Foreman", parts.outbox.under_way, parts.outbox.at_once, 0),
            PoolUse("requests to us", parts.front.in_flight(), None, 0),
            *threads,
        ]

    def _limits(self) -> Sequence[Limit]:
        settings = self._parts.settings()
        return [Limit(name, f"{getattr(settings, name):g}") for name in _LIMITS]


def _some(every: Sequence[T], start: int, most: int, shown: Callable[[T], Any]) -> Some[Any]:
    return Some(tuple(shown(each) for each in every[start : start + most]), start, len(every))


def _name(call: Any) -> str:
    """What is called, without what it is called with."""
    while isinstance(call, partial):
        call = call.func
    owner = getattr(call, "__self__", None)
    if owner is not None and not isinstance(owner, type):
        return f"{type(owner).__module__}.{type(owner).__qualname__}.{call.__name__}"
    named = call if hasattr(call, "__qualname__") else type(call)
    return f"{named.__module__}.{named.__qualname__}"


def _memory() -> int | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _descriptors() -> int | None:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return None
