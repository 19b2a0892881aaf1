"""Named queues: how many steps may run their code at the same time. Suspended steps hold no place."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import DeferredSemaphore

from smartdyn.engine.planning import DEFAULT_QUEUE
from smartdyn.model.overview import QueueDepth

DEFAULT_SIZE = 5
"""Places of a queue for which nothing is said (Dynflow C{pool_size})."""


class Queues:
    """The queues of this service."""

    def __init__(self, sizes: Mapping[str, int] | None = None) -> None:
        self._queues = {
            name: DeferredSemaphore(size) for name, size in {DEFAULT_QUEUE: DEFAULT_SIZE, **(sizes or {})}.items()
        }

    def depths(self) -> list[QueueDepth]:
        """How busy each queue is."""
        return [
            QueueDepth(name, queue.limit, queue.limit - queue.tokens, len(queue.waiting))
            for name, queue in self._queues.items()
        ]

    async def acquire(self, name: str | None) -> str:
        """Wait for a place in a queue; an unknown queue is the default one.

        @return: the name of the queue, to L{release} the place.
        """
        found = DEFAULT_QUEUE if name is None or name not in self._queues else name
        await self._queues[found].acquire()
        return found

    def release(self, name: str) -> None:
        """Give a place back."""
        self._queues[name].release()
