"""One conversation with the remote side of a job, over one channel."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from twisted.internet.defer import Deferred

from smartdyn.rex.protocol import Marker, MarkerReader


class Stream(Protocol):
    """Output of a channel."""

    def read(self) -> Deferred[bytes]:
        """The next piece; empty at the end."""


class Channel(Protocol):
    """A command that runs on the host."""

    @property
    def stdout(self) -> Stream:
        """Its output."""

    @property
    def stderr(self) -> Stream:
        """Its errors."""

    def write(self, data: bytes) -> Deferred[None]:
        """Send to its input."""

    def write_eof(self) -> Deferred[None]:
        """End its input."""

    def close(self) -> None:
        """End it."""


class ConversationEnded(Exception):
    """The remote side said nothing more, though something was due.

    @param noise: what it said instead of a marker.
    """

    def __init__(self, noise: str) -> None:
        super().__init__(noise)
        self.noise = noise


class Markers:
    """The markers on one stream, one after another."""

    def __init__(self, stream: Stream, nonce: str) -> None:
        self._stream = stream
        self._reader = MarkerReader(nonce)
        self._found: deque[Marker] = deque()
        self._noise = b""

    async def next(self) -> Marker:
        """The next marker.

        @raise ConversationEnded: the stream ended before one came.
        """
        while not self._found:
            data = await self._stream.read()
            if not data:
                raise ConversationEnded(self._noise[-500:].decode("utf-8", "replace").strip())
            self._noise = (self._noise + data)[-500:]
            for marker in self._reader.feed(data):
                self._found.append(marker)
                if marker.word == "stream":
                    break
        return self._found.popleft()

    def rest(self) -> bytes:
        """What came behind the marker C{stream}: the first of the script's output."""
        return self._reader.rest()
