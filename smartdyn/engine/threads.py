"""Threads for actions that block."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool


class _DaemonThread(Thread):
    """A thread that the end of the process does not wait for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "daemon": True})


class _DaemonPool(ThreadPool):
    threadFactory = _DaemonThread


class Threads:
    """As many threads as steps may run at the same time.

    A thread that never comes back does not keep the service from ending.
    """

    def __init__(self, reactor: Any, size: int) -> None:
        self._reactor = reactor
        self._pool = _DaemonPool(0, size, "actions")
        self._pool.start()
        self._busy = 0

    @property
    def pool(self) -> ThreadPool:
        """The threads, for those who count them."""
        return self._pool

    def call(self, work: Callable[[], Any]) -> Deferred[Any]:
        """What C{work} returns or raises."""
        self._busy += 1
        return deferToThreadPool(self._reactor, self._pool, work).addBoth(self._came_back)

    def stop(self) -> None:
        """Let the threads end that are not busy; the others are given up."""
        if not self._busy:
            self._pool.stop()

    def _came_back(self, result: Any) -> Any:
        self._busy -= 1
        return result
