"""One command on a host: its input, its output, and how it ended (RFC 4254, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smartdyn.metrics.ssh import FIRST_BYTE, SshMeters
from smartdyn.ssh.errors import ChannelFailed, ConnectionLost, SessionRefused
from smartdyn.ssh.wire import MessageReader, shown

WINDOW = 256 * 1024
"""Bytes that a host may send before we have taken any: what one session can cost in memory."""

_STDERR_SHARE = WINDOW // 2


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a command ended; both None when the server did not say."""

    code: int | None
    signal: str | None


class ByteStream:
    """Output of a command, read when the reader is ready for it."""

    def __init__(self, granted: Callable[[int], None]) -> None:
        """
        @param granted: called with the number of bytes that the host may send again.
        """
        self._granted = granted
        self._buffer = bytearray()
        self._owed = 0
        self._reader: Deferred[bytes] | None = None
        self._end: Failure | None = None
        self._ended = False

    def read(self) -> Deferred[bytes]:
        """What has come since, as soon as there is something; empty at the end.

        Coming back for more says that the last piece is dealt with: only then may the host send as much again.

        @raise ConnectionLost: as a failure, when the connection ended before the stream did; all that came before is
            read first.
        """
        assert self._reader is None, "one reader at a time"
        self._grant()
        if self._buffer:
            return succeed(self._take())
        if self._ended:
            return self._at_end()
        self._reader = Deferred(self._abandon)
        return self._reader

    def feed(self, data: bytes, *, grant_now: bool = False) -> None:
        """Data has come."""
        self._buffer += data
        if grant_now:
            self._granted(len(data))
        else:
            self._owed += len(data)
        self._wake()

    def finish(self, reason: Failure | None = None) -> None:
        """Nothing more will come."""
        if not self._ended:
            self._ended, self._end = True, reason
            self._wake()

    @property
    def buffered(self) -> int:
        """Bytes that wait for the reader."""
        return len(self._buffer)

    def _wake(self) -> None:
        reader = self._reader
        if reader is None or not (self._buffer or self._ended):
            return
        self._reader = None
        if self._buffer:
            reader.callback(self._take())
        else:
            self._at_end().chainDeferred(reader)

    def _at_end(self) -> Deferred[bytes]:
        ended: Deferred[bytes] = Deferred()
        if self._end is None:
            ended.callback(b"")
        else:
            ended.errback(self._end)
        return ended

    def _take(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _grant(self) -> None:
        owed = self._owed - len(self._buffer)
        if owed > 0:
            self._owed -= owed
            self._granted(owed)

    def _abandon(self, reader: Deferred[bytes]) -> None:
        self._reader = None


class Session(SSHChannel):
    """A session channel that runs one command."""

    name = b"session"
    conn: Any

    def __init__(self, meters: SshMeters | None = None) -> None:
        super().__init__(localWindow=WINDOW)
        self._meters = meters or SshMeters()
        self._unheard: tuple[IReactorTime, float] | None = None
        self.stdout = ByteStream(self._grant)
        self.stderr = ByteStream(self._grant)
        self.opened: Deferred[None] = Deferred()
        self._status: int | None = None
        self._signal: str | None = None
        self._done = False
        self._waiting: list[Deferred[ExitStatus]] = []
        self._drained: list[Deferred[None]] = []
        self._wants_eof = False
        self._abandoned = False

    def write(self, data: bytes) -> Deferred[None]:
        """Send to the command's stdin; fires when the host's window has taken it all."""
        if self._done or self.localClosed:
            return self._fail_closed()
        super().write(data)
        return self._when_drained()

    def write_eof(self) -> Deferred[None]:
        """End the command's stdin, after everything written: an EOF that overtakes data would cut it short."""
        if self._done or self.localClosed:
            return self._fail_closed()
        self._wants_eof = True
        self._check_drained()
        return self._when_drained()

    def wait(self) -> Deferred[ExitStatus]:
        """How the command ended, when its channel is closed.

        @raise ConnectionLost: as a failure, when the connection ended first.
        """
        waiting: Deferred[ExitStatus] = Deferred()
        self._waiting.append(waiting)
        if self._done:
            self._tell()
        return waiting

    def close(self) -> None:
        """Close the channel. A command without a terminal may live on; it sees its stdin end."""
        if self.conn is None:
            self._abandoned = True
        elif not self._done:
            self.loseConnection()

    def channelOpen(self, specificData: bytes) -> None:
        if self._abandoned:
            self.loseConnection()
        else:
            self.opened.callback(None)

    def openFailed(self, reason: Any) -> None:
        self._done = True
        if self.opened.called:
            return
        if self.conn.lost is not None:
            self.opened.errback(self.conn.lost)
            return
        said = shown(reason.args[0]) or "without a reason"
        self.opened.errback(SessionRefused(f"The server did not open a session: {said}"))

    def when_heard(self, clock: IReactorTime) -> None:
        """Measure how long it takes from now on until the command says something."""
        self._unheard = clock, clock.seconds()

    def dataReceived(self, data: bytes) -> None:
        if self._unheard is not None:
            clock, since = self._unheard
            self._unheard = None
            self._meters.took(FIRST_BYTE, clock.seconds() - since)
        if not self.localWindowLeft:
            self._meters.pauses.inc()
        self.stdout.feed(data)

    def extReceived(self, dataType: int, data: bytes) -> None:
        # stdout and stderr share one window: a reader that looks at stdout only must not stand still for stderr's sake
        self.stderr.feed(data, grant_now=self.stderr.buffered + len(data) <= _STDERR_SHARE)

    def eofReceived(self) -> None:
        self.stdout.finish()
        self.stderr.finish()

    def closeReceived(self) -> None:
        # The host will not make room for what waits: it would keep the channel for ever
        self.buf = b""
        self.loseConnection()

    def closed(self) -> None:
        self._done = True
        lost = self.conn.lost
        reason = Failure(lost) if lost is not None and self._status is None and self._signal is None else None
        self.stdout.finish(reason)
        self.stderr.finish(reason)
        self._tell()
        drained, self._drained = self._drained, []
        for waiting in drained:
            waiting.errback(self._closed_error())

    def addWindowBytes(self, data: int) -> None:
        # Conch would send what waits through our own write, and nobody would hear of that Deferred's failure
        self.remoteWindowLeft += data
        waiting, self.buf = self.buf, b""
        if waiting:
            super().write(waiting)
        self._check_drained()

    def request_exit_status(self, data: bytes) -> bool:
        self._status = MessageReader(data).uint32()
        return True

    def request_exit_signal(self, data: bytes) -> bool:
        self._signal = shown(MessageReader(data).string())
        return True

    def _grant(self, count: int) -> None:
        if not self._done and self.conn is not None:
            self.conn.grant(self, count)

    def _when_drained(self) -> Deferred[None]:
        if not self.buf:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._drained.append(waiting)
        return waiting

    def _check_drained(self) -> None:
        if self.buf:
            return
        if self._wants_eof:
            self._wants_eof = False
            self.conn.sendEOF(self)
        drained, self._drained = self._drained, []
        for waiting in drained:
            waiting.callback(None)

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if self.conn.lost is not None and self._status is None and self._signal is None:
                each.errback(self.conn.lost)
            else:
                each.callback(ExitStatus(self._status, self._signal))

    def _closed_error(self) -> Exception:
        lost: ConnectionLost | None = self.conn.lost
        return lost or ChannelFailed("The command's input is closed.")

    def _fail_closed(self) -> Deferred[None]:
        failed: Deferred[None] = Deferred()
        failed.errback(self._closed_error())
        return failed
