"""How much we write for a server that does not read.

Answers are made as soon as a message asks for one. A server that asks and asks without taking the answers would fill
our memory with them; to stop reading from it instead could leave both sides waiting for each other.
"""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

_MOST = 1024 * 1024
"""Far more than the answers that a slow network holds up; what we send of our own is bounded by windows."""


@implementer(IPushProducer)
class Backlog:
    """Counts what is written while the wire takes nothing."""

    def __init__(self) -> None:
        self._is_stuck = False
        self._waiting = 0

    def add(self, octets: int) -> bool:
        """Something was written.

        @return: whether that is still bearable.
        """
        if self._is_stuck:
            self._waiting += octets
        return self._waiting <= _MOST

    def pauseProducing(self) -> None:
        self._is_stuck = True

    def resumeProducing(self) -> None:
        self._is_stuck = False
        self._waiting = 0

    def stopProducing(self) -> None:
        """The connection is gone."""
