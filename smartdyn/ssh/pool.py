"""Connections that several sessions share, as far as the server lets them.

A login costs a server far more than another session does. OpenSSH lets a connection have ten sessions unless
C{MaxSessions} says otherwise; a server that allows fewer is found out by its refusal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from smartdyn.aio import Spawner
from smartdyn.metrics.ssh import SshMeters
from smartdyn.ssh.errors import SessionRefused
from smartdyn.ssh.session import Session

_SERVERS_REMEMBERED = 1000


class PooledConnection(Protocol):
    """What is needed of a connection that is logged in."""

    @property
    def is_open(self) -> bool:
        """Can it be used?"""

    @property
    def sessions(self) -> int:
        """How many sessions are open on it."""

    async def execute(self, command: str, *, pty: bool = False) -> Session:
        """Run a command."""

    async def close(self) -> None:
        """Close it in good order."""

    def abort(self, reason: str) -> None:
        """Cut it."""


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A connection, for those who look at the pool.

    @param since: when it was begun to be opened, by the pool's clock.
    @param holders: for whom places on it are, or are waited for.
    """

    account: Hashable
    is_open: bool
    since: float
    sessions: int
    holders: tuple[str | None, ...]


Opener = Callable[[], Awaitable[PooledConnection]]


class ConnectionPool:
    """Open connections by account, and those that are being opened."""

    def __init__(
        self, clock: IReactorTime, *, sessions: int = 8, linger: float = 5.0, meters: SshMeters | None = None
    ) -> None:
        """
        @param sessions: how many jobs share a connection, unless its server allows fewer. OpenSSH's ten leave two for
            the dialogues that some of them need beside their own session.
        @param linger: seconds for which a connection that nobody uses is kept.
        """
        self._clock = clock
        self._sessions = sessions
        self._linger = linger
        self._meters = meters or SshMeters()
        self._shared: dict[Hashable, list[_Shared]] = {}
        self._allowed: OrderedDict[Hashable, int] = OrderedDict()
        self.spawner = Spawner(clock)
        self._stopping = False

    async def lease(self, account: Hashable, open: Opener, holder: str | None = None) -> Lease:
        """A place on a connection; it is opened if none has one.

        @param account: which connections are as good as one that C{open} opens.
        @param holder: for whom it is, for those who look at the pool.
        @raise smartdyn.ssh.errors.SSHError: it cannot be opened; all that waited for it are told.
        """
        return Lease(self, account, open, await self.seat(account, open, holder), holder)

    def connections(self) -> list[PoolEntry]:
        """Those that are open or being opened."""
        return [each.entry() for shared in self._shared.values() for each in shared]

    def stop(self) -> Deferred[None]:
        """Cut all connections; what runs on the hosts goes on there."""
        self._stopping = True
        for each in [each for shared in self._shared.values() for each in shared]:
            each.abort("the service stops")
            if each.connection is not None:
                self.spawner.spawn("closing a connection", each.connection.close())
        return self.spawner.stop(cancel=False)

    def learn(self, account: Hashable, sessions: int) -> None:
        """A server refuses more than so many sessions on one connection."""
        self._allowed[account] = max(sessions, 1)
        self._allowed.move_to_end(account)
        while len(self._allowed) > _SERVERS_REMEMBERED:
            self._allowed.popitem(last=False)

    async def seat(self, account: Hashable, open: Opener, holder: str | None) -> _Shared:
        """A place on a connection that is open."""
        room = self._allowed.get(account, self._sessions)
        shared = next((each for each in self._shared.get(account, ()) if each.has_room(room)), None)
        self._meters.leases.labels("new" if shared is None else "shared").inc()
        if shared is None:
            shared = _Shared(self, account, self._clock.seconds())
            self._shared.setdefault(account, []).append(shared)
            shared.begin(open)
        await shared.take_seat(holder)
        return shared

    def emptied(self, shared: _Shared) -> None:
        """Nobody uses a connection any more."""
        if self._stopping or not shared.is_usable:
            self.remove(shared)
        else:
            shared.timer = self._clock.callLater(self._linger, self.remove, shared)

    def remove(self, shared: _Shared) -> None:
        """Forget a connection, and close it."""
        same = self._shared.get(shared.account, [])
        if shared in same:
            same.remove(shared)
        if not same:
            self._shared.pop(shared.account, None)
        if shared.connection is not None and shared.connection.is_open:
            self.spawner.spawn("closing a connection", shared.connection.close())


class Lease:
    """One user's place on a connection; it looks like a connection of its own."""

    def __init__(
        self, pool: ConnectionPool, account: Hashable, open: Opener, shared: _Shared, holder: str | None
    ) -> None:
        self._pool = pool
        self._account = account
        self._open = open
        self._holder = holder
        self._seats = [shared]
        self._channels: list[Session] = []

    async def execute(self, command: str, *, pty: bool = False) -> Session:
        """Run a command; on another connection when this one's server refuses one more session.

        @raise smartdyn.ssh.errors.ChannelFailed: the server refuses even the first.
        @raise smartdyn.ssh.errors.ConnectionLost: the connection is gone.
        """
        while True:
            connection = self._seats[-1].opened()
            try:
                channel = await connection.execute(command, pty=pty)
            except SessionRefused:
                if not connection.sessions:
                    raise
                self._pool.learn(self._account, connection.sessions)
                self._seats.append(await self._pool.seat(self._account, self._open, self._holder))
                continue
            self._channels.append(channel)
            return channel

    async def close(self) -> None:
        """Give the place back; what is still running in it is left alone."""
        self._leave()

    def abort(self, reason: str) -> None:
        """Give the place back, and let nobody new have one on this connection: something is wrong with it."""
        for seat in self._seats:
            seat.retired = True
        self._leave()

    def _leave(self) -> None:
        seats, self._seats = self._seats, []
        channels, self._channels = self._channels, []
        for channel in channels:
            channel.close()
        for seat in seats:
            seat.leave(self._holder)


class _Shared:
    """A connection with those who use it or wait for it.

    @ivar retired: nobody new may use it.
    """

    def __init__(self, pool: ConnectionPool, account: Hashable, now: float) -> None:
        self.account = account
        self._begun = now
        self.connection: PooledConnection | None = None
        self.retired = False
        self.timer: IDelayedCall | None = None
        self._pool = pool
        self._holders: list[str | None] = []
        self._waiting: list[Deferred[None]] = []
        self._opening: Deferred[PooledConnection] | None = None
        self._failure: Failure | None = None

    @property
    def is_usable(self) -> bool:
        """May somebody new have a place on it?"""
        return not self.retired and (self.connection is None or self.connection.is_open)

    def has_room(self, room: int) -> bool:
        """Is there a place left?"""
        return self.is_usable and len(self._holders) < room

    def opened(self) -> PooledConnection:
        """The connection, which those who have a place know to be open or gone."""
        assert self.connection is not None
        return self.connection

    def begin(self, open: Opener) -> None:
        """Open the connection."""
        self._opening = Deferred.fromCoroutine(_awaited(open))
        self._opening.addCallbacks(self._succeeded, self._failed)

    def entry(self) -> PoolEntry:
        """How it is now."""
        sessions = self.connection.sessions if self.connection is not None else 0
        return PoolEntry(self.account, self.connection is not None, self._begun, sessions, tuple(self._holders))

    def take_seat(self, holder: str | None) -> Deferred[None]:
        """Fires when the connection is open; cancelling it gives the place back."""
        self._holders.append(holder)
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        waiting: Deferred[None] = Deferred(partial(self._give_up, holder))
        self._waiting.append(waiting)
        if self._opening is None:
            self._tell(self._failure)
        return waiting

    def leave(self, holder: str | None) -> None:
        """Give a place back."""
        self._holders.remove(holder)
        if not self._holders:
            self._pool.emptied(self)

    def abort(self, reason: str) -> None:
        """Cut the connection, or stop opening it."""
        self.retired = True
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        if self.connection is not None:
            self.connection.abort(reason)
        elif self._opening is not None:
            self._opening.cancel()

    def _give_up(self, holder: str | None, waiting: Deferred[None]) -> None:
        self._waiting.remove(waiting)
        self._holders.remove(holder)
        if not self._holders and self._opening is not None:
            self.retired = True
            self._opening.cancel()

    def _succeeded(self, connection: PooledConnection) -> None:
        self._opening = None
        self.connection = connection
        self._tell(None)

    def _failed(self, failure: Failure) -> None:
        self._opening = None
        self._failure = failure
        self.retired = True
        self._pool.remove(self)
        self._tell(failure)

    def _tell(self, outcome: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if outcome is None:
                each.callback(None)
            else:
                each.errback(Failure(outcome.value))


async def _awaited(open: Opener) -> PooledConnection:
    return await open()
