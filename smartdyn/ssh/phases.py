"""What the way to a connection that is logged in is made of, measured."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime

from smartdyn.errors import DeadlineExceeded
from smartdyn.metrics.ssh import LOG_IN, SshMeters
from smartdyn.ssh.errors import AuthenticationFailed, ConnectFailed, ConnectionLost, HandshakeFailed, HostKeyRejected

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (HostKeyRejected, "host_key"),
    (HandshakeFailed, "key_exchange"),
    (AuthenticationFailed, "authentication"),
    (ConnectionLost, "lost"),
    (DeadlineExceeded, "timeout"),
    (CancelledError, "cancelled"),
)
_CONNECT_REASONS = (
    ("Connection refused", "refused"),
    ("No route to host", "no_route"),
    ("Connection timed out", "timeout"),
    ("Could not resolve hostname", "name"),
)


class Phases:
    """The phases of one attempt to connect, one after another (C{with})."""

    def __init__(self, clock: IReactorTime, meters: SshMeters) -> None:
        self._clock = clock
        self._meters = meters
        self._begun = self._since = clock.seconds()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._meters.took(LOG_IN, self._clock.seconds() - self._begun)
        else:
            self._meters.failures.labels(reason(error)).inc()

    def end(self, phase: str, at: float | None = None) -> None:
        """A phase is over, and the next begins.

        @param at: when that was, if it was not just now.
        """
        now = self._clock.seconds() if at is None else at
        self._meters.took(phase, now - self._since)
        self._since = now


def reason(error: BaseException) -> str:
    """Why a connection could not be opened, in a word."""
    if isinstance(error, ConnectFailed):
        return next((word for text, word in _CONNECT_REASONS if error.reason.startswith(text)), "other")
    return next((word for kind, word in _REASONS if isinstance(error, kind)), "other")
