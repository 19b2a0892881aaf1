"""Who shares a connection with whom, with connections that the test plays."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.ssh.errors import ConnectFailed, SessionRefused
from smartdyn.ssh.pool import ConnectionPool, Lease


class PlayedSession:
    """A session that only knows whether it was closed."""

    def __init__(self, connection: PlayedConnection) -> None:
        self._connection = connection

    def close(self) -> None:
        """It no longer counts."""
        self._connection.channels.remove(self)


class PlayedConnection:
    """A connection to a server that allows so many sessions."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.is_open = True
        self.channels: list[PlayedSession] = []

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self.channels)

    async def execute(self, command: str, *, pty: bool = False) -> Any:
        """Open one, or refuse."""
        if self.sessions >= self.allowed:
            raise SessionRefused("open failed")
        self.channels.append(PlayedSession(self))
        return self.channels[-1]

    async def close(self) -> None:
        """Close."""
        self.is_open = False

    def abort(self, reason: str) -> None:
        """Cut."""
        self.is_open = False


class PoolTests(SynchronousTestCase):
    """Sharing connections."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pool = ConnectionPool(self.clock, sessions=2, linger=5.0)
        self.attempts: list[Deferred[Any]] = []
        self.opened: list[PlayedConnection] = []

    async def open(self) -> Any:
        """An attempt that the test decides."""
        attempt: Deferred[Any] = Deferred()
        self.attempts.append(attempt)
        return await attempt

    def lease(self, account: str = "a", holder: str | None = None) -> Deferred[Lease]:
        """Ask for a place."""
        return Deferred.fromCoroutine(self.pool.lease(account, self.open, holder))

    def succeed(self, number: int, allowed: int = 10) -> PlayedConnection:
        """An attempt succeeds."""
        self.opened.append(PlayedConnection(allowed))
        self.attempts[number].callback(self.opened[-1])
        return self.opened[-1]

    def execute(self, lease: Lease) -> Any:
        """Run something; another attempt may be needed."""
        return Deferred.fromCoroutine(lease.execute("true"))

    def test_two_share_what_is_being_opened(self) -> None:
        """Nobody opens a second connection while there is room on the first; a third needs one."""
        waiting = [self.lease() for _ in range(3)]
        self.assertEqual(len(self.attempts), 2)
        self.succeed(0)
        for each in waiting[:2]:
            self.successResultOf(each)
        self.assertNoResult(waiting[2])

    def test_accounts_share_nothing(self) -> None:
        """Another account is another connection."""
        self.lease("a")
        self.lease("b")
        self.assertEqual(len(self.attempts), 2)

    def test_all_hear_of_a_failure(self) -> None:
        """One attempt for all who waited for it; the next asker tries again."""
        waiting = [self.lease() for _ in range(2)]
        self.attempts[0].errback(ConnectFailed("h", 22, "Connection refused"))
        for each in waiting:
            self.failureResultOf(each, ConnectFailed)
        self.lease()
        self.assertEqual(len(self.attempts), 2)

    def test_nobody_waits_any_more(self) -> None:
        """An attempt is dropped when the last who waited for it is cancelled, not before."""
        first, second = self.lease(), self.lease()
        first.cancel()
        self.failureResultOf(first)
        self.assertFalse(self.attempts[0].called)
        second.cancel()
        self.failureResultOf(second)
        self.assertTrue(self.attempts[0].called)

    def test_kept_for_a_while(self) -> None:
        """A connection that nobody uses serves whoever comes in time, and is closed after that."""
        first = self.lease()
        connection = self.succeed(0)
        self.successResultOf(Deferred.fromCoroutine(self.successResultOf(first).close()))
        self.clock.advance(4)
        again = self.successResultOf(self.lease())
        self.clock.advance(10)
        self.assertTrue(connection.is_open)
        self.successResultOf(Deferred.fromCoroutine(again.close()))
        self.clock.advance(5)
        self.assertFalse(connection.is_open)
        self.assertEqual(self.pool.connections(), [])

    def test_what_can_be_seen(self) -> None:
        """Each connection with its age, its sessions and those whom it is for, also while they wait for it."""
        self.clock.advance(7)
        first, second = self.lease(holder="one"), self.lease(holder="two")
        (entry,) = self.pool.connections()
        self.assertEqual((entry.is_open, entry.since, entry.holders), (False, 7.0, ("one", "two")))
        self.succeed(0)
        self.successResultOf(self.execute(self.successResultOf(first)))
        (entry,) = self.pool.connections()
        self.assertEqual((entry.is_open, entry.account, entry.sessions), (True, "a", 1))
        self.successResultOf(Deferred.fromCoroutine(self.successResultOf(second).close()))
        self.assertEqual(self.pool.connections()[0].holders, ("one",))

    def test_a_server_that_allows_fewer(self) -> None:
        """Its refusal costs nobody anything: the session is opened on another connection, and that is remembered."""
        first, second = self.lease(), self.lease()
        connection = self.succeed(0, allowed=1)
        self.successResultOf(self.execute(self.successResultOf(first)))
        refused = self.execute(self.successResultOf(second))
        self.assertEqual((connection.sessions, len(self.attempts)), (1, 2))
        other = self.succeed(1, allowed=1)
        self.successResultOf(refused)
        self.assertEqual(other.sessions, 1)
        self.lease()
        self.assertEqual(len(self.attempts), 3)

    def test_a_server_that_allows_none(self) -> None:
        """Is not asked for ever."""
        lease = self.lease()
        self.succeed(0, allowed=0)
        self.failureResultOf(self.execute(self.successResultOf(lease)), SessionRefused)

    def test_sessions_end_with_their_lease(self) -> None:
        """Those of others stay."""
        first, second = self.lease(), self.lease()
        connection = self.succeed(0)
        leases = self.successResultOf(first), self.successResultOf(second)
        for lease in leases:
            self.successResultOf(self.execute(lease))
        leases[0].abort("lost")
        self.assertEqual((connection.sessions, connection.is_open), (1, True))

    def test_what_is_suspect_is_not_shared(self) -> None:
        """After trouble on a connection nobody new gets on it, and it is closed with its last user."""
        first, second = self.lease(), self.lease()
        connection = self.succeed(0)
        self.successResultOf(first).abort("no answer")
        self.lease()
        self.assertEqual(len(self.attempts), 2)
        self.successResultOf(Deferred.fromCoroutine(self.successResultOf(second).close()))
        self.assertFalse(connection.is_open)

    def test_a_lost_connection_is_not_offered(self) -> None:
        """Whoever comes after the loss gets a new one."""
        self.lease()
        self.succeed(0).is_open = False
        self.lease()
        self.assertEqual(len(self.attempts), 2)

    def test_stop(self) -> None:
        """Everything is cut, and attempts are dropped."""
        used, waiting = self.lease(), self.lease("b")
        connection = self.succeed(0)
        self.successResultOf(used)
        self.successResultOf(self.pool.stop())
        self.assertFalse(connection.is_open)
        self.failureResultOf(waiting)
