"""Connections to hosts: who may connect when, and with what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from smartdyn.aio import Spawner, sleep
from smartdyn.log.context import current
from smartdyn.metrics.ssh import SshMeters
from smartdyn.model.internals import HostConnectionView
from smartdyn.rex.dialogue import Channel
from smartdyn.rex.failures import JobFailed, NoCredentials, no_connection
from smartdyn.rex.fairness import Turn, Turns
from smartdyn.rex.identity import ProxyIdentity
from smartdyn.rex.job import ScriptJob
from smartdyn.rex.pace import Pace
from smartdyn.rex.settings import RunnerSettings
from smartdyn.secret import Secret
from smartdyn.ssh import Credentials, HostTrust, KnownHosts, PinnedKey, Target, connect
from smartdyn.ssh.config import Route, SshConfig
from smartdyn.ssh.errors import ConnectFailed, ConnectionLost, HandshakeFailed, SSHError
from smartdyn.ssh.jump import connect_by_way
from smartdyn.ssh.pool import ConnectionPool, PooledConnection, PoolEntry

UNREACHABLE = (ConnectFailed, ConnectionLost, HandshakeFailed)
"""Errors that say nothing about the job on the host: it is worth trying again."""

_LONGEST_PAUSE = 5.0
"""Seconds, on average, between attempts at a host that turns us away."""

_SWEEP_EVERY = 86_400.0

_LONGEST_TURN = 5.0
"""Seconds after which a host that is slow no longer counts as one on which a job is being started."""


class HostConnection(Protocol):
    """A connection that is logged in."""

    async def execute(self, command: str, *, pty: bool = False) -> Channel:
        """Run a command."""

    async def close(self) -> None:
        """Close it in good order."""

    def abort(self, reason: str) -> None:
        """Cut it."""


@dataclass(frozen=True, slots=True)
class HostsLoad:
    """
    @param starting: jobs that are being started on their hosts.
    @param starting_limit: how many may be at the same time.
    """

    connections_open: int
    connections_opening: int
    sessions: int
    starting: int
    starting_limit: int
    starting_waiting: int


class Account(NamedTuple):
    """Connections with the same of all these are as good as each other."""

    route: Route
    host_public_key: str | None
    password: Secret | None
    keys: tuple[bytes, ...]


Connector = Callable[..., Awaitable[PooledConnection]]


class Hosts:
    """Connects to hosts; to each, not too many at once, and not too many in all.

    The limits are per host first: one that does not answer holds up nobody else. Jobs of one account share connections.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        settings: RunnerSettings,
        random: Callable[[], float],
        connector: Connector = connect,
        meters: SshMeters | None = None,
        asked: Callable[[], int] = lambda: 0,
    ) -> None:
        """
        @param random: between 0 and 1, for spreading attempts.
        @param asked: how many questions the service has answered so far.
        """
        self.reactor = reactor
        self.settings = settings
        self.random = random
        self.meters = meters or SshMeters()
        self._connector = connector
        self._pool = ConnectionPool(
            reactor,
            sessions=settings.sessions_per_connection,
            linger=settings.keep_connection,
            meters=self.meters,
        )
        self._starting_anywhere = Turns(reactor, settings.connections_at_once_in_all)
        self._pace = Pace(reactor, self._starting_anywhere, asked)
        self._starting: WeakValueDictionary[tuple[str, int], Turns] = WeakValueDictionary()
        self._learned = KnownHosts(settings.known_hosts)
        strict = settings.strict_known_hosts
        self._trusted = self._learned if strict is None else KnownHosts(strict, learn=False)
        self._config = SshConfig(settings.ssh_config, settings.account) if settings.ssh_config is not None else None
        self._swept: dict[tuple[Target, str], float] = {}
        self._identity = ProxyIdentity(reactor)

    def turns(self, job: ScriptJob) -> tuple[Turn, Turn]:
        """To be had while a job is started: on its host, and then among all."""
        address = (job.target.host, job.target.port)
        turns = self._starting.get(address)
        if turns is None:
            turns = self._starting[address] = Turns(self.reactor, self.settings.connections_at_once)
        self._pace.watch()
        return turns.turn(job.launch), self._starting_anywhere.turn(job.launch, at_most=_LONGEST_TURN)

    async def connect(self, job: ScriptJob) -> HostConnection:
        """Log in to a job's host, or use a connection on which that has been done.

        @raise SSHError: there is no way in.
        """
        credentials = self._identity.credentials(job, self.settings)
        keys = tuple(key.blob for key in credentials.keys)
        account = Account(self._route(job), job.host_public_key, job.password, keys)
        return await self._pool.lease(account, lambda: self._open(job, credentials), current().task_id)

    def connections(self) -> list[HostConnectionView]:
        """The connections that are open or being opened, the oldest first."""
        now = self.reactor.seconds()
        return [_view(entry, now) for entry in sorted(self._pool.connections(), key=lambda entry: entry.since)]

    @property
    def spawner(self) -> Spawner:
        """What works in the background for connections."""
        return self._pool.spawner

    def load(self) -> HostsLoad:
        """How much is going on."""
        found = self._pool.connections()
        opened = [entry for entry in found if entry.is_open]
        starting = self._starting_anywhere
        return HostsLoad(
            connections_open=len(opened),
            connections_opening=len(found) - len(opened),
            sessions=sum(entry.sessions for entry in opened),
            starting=starting.taken(),
            starting_limit=starting.limit,
            starting_waiting=starting.waiting() + sum(turns.waiting() for turns in self._starting.values()),
        )

    def sweep_is_due(self, job: ScriptJob) -> bool:
        """Is it a day since the stale directories of the job's account were looked for?"""
        place = (job.target, job.remote_working_dir)
        last, now = self._swept.get(place), self.reactor.seconds()
        if last is not None and now - last < _SWEEP_EVERY:
            return False
        self._swept[place] = now
        return True

    def stop(self) -> Deferred[None]:
        """Cut all connections; jobs go on on their hosts."""
        self._pace.stop()
        return self._pool.stop()

    async def _open(self, job: ScriptJob, credentials: Credentials) -> PooledConnection:
        """Open a connection.

        An sshd that is asked by too many at once closes some connections before it has said who it is (MaxStartups);
        nothing has been run then, so that is tried again, as long as connecting may take.
        """
        until = self.reactor.seconds() + self.settings.deadlines.connect
        pause = 0.5
        while True:
            try:
                return await self._connect(job, credentials)
            except HandshakeFailed as error:
                delay = pause * (0.5 + self.random())
                if not error.is_passing or self.reactor.seconds() + delay > until:
                    raise
                self._log.info("{error}; trying again", error=error)
            await sleep(self.reactor, delay)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def forget(self, job: ScriptJob) -> None:
        """Forget the key learned of a job's host: it is new, or was built anew."""
        target = self._route(job).target
        self._learned.forget(target.host, target.port)

    def methods(self, job: ScriptJob) -> list[str]:
        """The authentication methods that a job allows, in order."""
        try:
            return self._identity.credentials(job, self.settings).methods()
        except NoCredentials:
            return []

    def failure(self, job: ScriptJob, error: SSHError) -> JobFailed:
        """What users are told when there is no way in."""
        return no_connection(error, self.methods(job))

    async def _connect(self, job: ScriptJob, credentials: Credentials) -> PooledConnection:
        route, trust = self._route(job), self._trust(job)
        limits = self.settings.deadlines
        options: dict[str, Any] = {"keepalive": self.settings.keepalive, "meters": self.meters}
        if route.hops:
            return await connect_by_way(self.reactor, route, credentials, trust, self._trusted, limits, **options)
        return await self._connector(self.reactor, route.target, credentials, trust, limits, **options)

    def _route(self, job: ScriptJob) -> Route:
        return self._config.route(job.target) if self._config is not None else Route(job.target)

    def _trust(self, job: ScriptJob) -> HostTrust:
        return PinnedKey(job.host_public_key) if job.host_public_key else self._trusted


def _view(entry: PoolEntry, now: float) -> HostConnectionView:
    account = entry.account
    assert isinstance(account, Account)
    target = account.route.target
    state = "idle" if entry.is_open and not entry.holders else "open" if entry.is_open else "opening"
    tasks = tuple(holder for holder in entry.holders if holder is not None)
    return HostConnectionView(
        f"{target.user}@{target.host}:{target.port}", state, now - entry.since, entry.sessions, tasks
    )
