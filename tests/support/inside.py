"""The inside of a service, as a test wants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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


@dataclass
class Inside:
    """Implements what the console looks through."""

    now: float
    open: list[HostConnectionView] = field(default_factory=list)
    running: list[CoroutineView] = field(default_factory=list)
    set: list[Timer] = field(default_factory=list)

    def look(self, most: int) -> Internals:
        """Everything."""
        return Internals(
            Instance("w1", "1.0", "proxy.example.org", 77, self.now - 3600, 64 * 1024 * 1024, 42, 1024),
            (PoolUse("threads: reactor", 3, 10, 2), PoolUse("requests to us", 1, None, 0)),
            (Limit("kill_limit", "60"),),
            self.timers(0, most),
            self.connections(0, most),
            self.coroutines(0, most),
        )

    def trends(self) -> Trends:
        """The same in each minute, and more in the last one."""
        return Trends((1,) * 59 + (2,), (0,) * 60, (0,) * 59 + (3,), (4,) * 60)

    def timers(self, start: int, most: int) -> Some[Timer]:
        """Some of them."""
        return _some(self.set, start, most)

    def connections(self, start: int, most: int) -> Some[HostConnectionView]:
        """Some of them."""
        return _some(self.open, start, most)

    def coroutines(self, start: int, most: int) -> Some[CoroutineView]:
        """Some of them."""
        return _some(self.running, start, most)


def _some(every: list[Any], start: int, most: int) -> Some[Any]:
    return Some(tuple(every[start : start + most]), start, len(every))
