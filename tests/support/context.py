"""A runner's context that keeps everything in memory."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed


class MemoryContext:
    """What a runner published and how it ended; pass it to the next runner to pretend a restart.

    @ivar retries: after how many seconds something was to be tried again, each time that it was said.
    """

    def __init__(self) -> None:
        self.chunks: list[tuple[str, str]] = []
        self.offset = 0
        self.begun = False
        self.cancelled = False
        self.status: int | str | None = None
        self.first_output: Deferred[None] = Deferred()
        self.notes: list[str] = []
        self.retries: list[float] = []

    def publish(
        self,
        text: str,
        type: str = "stdout",
        *,
        timestamp: float | None = None,
        external_id: str | None = None,
        offset: int | None = None,
    ) -> Deferred[None]:
        """Keep it."""
        self.chunks.append((type, text))
        self.offset = max(self.offset, offset or 0)
        if not self.first_output.called:
            self.first_output.callback(None)
        return succeed(None)

    def exit(self, status: int | str, *, timestamp: float | None = None) -> Deferred[None]:
        """Keep it."""
        self.status = status if self.status is None else self.status
        return succeed(None)

    def begin(self) -> Deferred[None]:
        """Keep it."""
        self.begun = True
        return succeed(None)

    def note(self, text: str | None, *, retry_in: float | None = None) -> None:
        """Keep it."""
        if text:
            self.notes.append(text)
        if retry_in is not None:
            self.retries.append(retry_in)

    def text(self, type: str = "stdout") -> str:
        """All output of one type."""
        return "".join(text for kind, text in self.chunks if kind == type)
