"""Goes to a host as the service does, and looks round there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from smartdyn.aio import deadline
from smartdyn.doctor.context import Context
from smartdyn.errors import DeadlineExceeded, SmartdynError
from smartdyn.rex.identity import ProxyIdentity
from smartdyn.rex.job import ScriptJob
from smartdyn.rex.settings import RunnerSettings
from smartdyn.ssh import Connection, Credentials, Deadlines, KnownHosts, Session, connect
from smartdyn.ssh.config import Route, SshConfig
from smartdyn.ssh.errors import HandshakeFailed, SessionRefused, SSHError
from smartdyn.ssh.jump import connect_by_way

_PROBE = files("smartdyn.doctor").joinpath("probe.sh").read_bytes()
_LINE = re.compile(rb"^smartdyn-doctor (\w+) (.*)$", re.MULTILINE)
_STAGE_LIMIT = 4.0
_LIMIT = 15.0
_MOST_OUTPUT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to go, and whom scripts are run as there.

    @param place: C{[user@]host[:port]}.
    """

    place: str
    effective_user: str | None = None
    method: str = "sudo"

    def job(self, settings: RunnerSettings) -> ScriptJob:
        """A job as Foreman would send it.

        @raise smartdyn.errors.InvalidRequest: it is no place, or no user.
        """
        user, _, rest = self.place.rpartition("@")
        host, port = _host_and_port(rest)
        return ScriptJob.from_input(
            {
                "hostname": host,
                "ssh_port": port,
                "ssh_user": user,
                "script": "",
                "effective_user": self.effective_user or "root",
                "effective_user_method": self.method,
            },
            settings,
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of it.

    @param failure: why there was no way in.
    @param is_new: no host key is known of it.
    @param said: what the host told of itself, by word.
    @param sessions: how many could be opened on one connection.
    @param turned_away: of the connections that the service may open at once, how many the server did not take.
    """

    job: ScriptJob
    failure: SmartdynError | None = None
    is_new: bool = False
    said: Mapping[str, str] = field(default_factory=dict)
    sessions: int = 0
    turned_away: int = 0


def runner_settings(context: Context) -> RunnerSettings:
    """What a runner would go by, with the paths of the service's account."""
    settings = context.settings
    key = context.path(settings.ssh_identity_key_file)
    strict = settings.ssh_ca_known_hosts_file
    return RunnerSettings(
        known_hosts=context.path(settings.ssh_known_hosts_file),
        identity_key=key if key.exists() else None,
        agent=context.environment.get("SSH_AUTH_SOCK") or None,
        ssh_config=context.path(settings.ssh_config_file),
        account=context.account.name,
        strict_known_hosts=context.path(strict) if strict else None,
        remote_working_dir=settings.remote_working_dir,
        deadlines=Deadlines(_STAGE_LIMIT, _STAGE_LIMIT, _STAGE_LIMIT, _STAGE_LIMIT),
        connections_at_once=settings.ssh_connections_at_once,
        sessions_per_connection=settings.ssh_sessions_per_connection,
    )


async def visit(reactor: Any, context: Context, destination: Destination) -> Visit:
    """Log in, look, and leave.

    @raise smartdyn.errors.InvalidRequest: the destination is none.
    """
    settings = runner_settings(context)
    job = destination.job(settings)
    visitor = _Visitor(reactor, settings, job)
    try:
        return await deadline(reactor, _LIMIT, f"looking at {job.target.host}", Deferred.fromCoroutine(visitor.visit()))
    except (SSHError, DeadlineExceeded) as error:
        return Visit(job, error, visitor.trust.is_new)
    finally:
        visitor.leave()


class _Trust:
    """Believes what the service would believe, and learns nothing."""

    def __init__(self, settings: RunnerSettings) -> None:
        self._known = KnownHosts(settings.strict_known_hosts or settings.known_hosts, learn=False)
        self._is_strict = settings.strict_known_hosts is not None
        self.is_new = False

    def key_types(self, host: str, port: int) -> Any:
        """Those of the known keys."""
        return self._known.key_types(host, port)

    def verify(self, host: str, port: int, key_type: str, blob: bytes) -> None:
        """A host of which nothing is known would be believed, unless only known ones are."""
        if not self._is_strict and not self._known.key_types(host, port):
            self.is_new = True
        else:
            self._known.verify(host, port, key_type, blob)


class _Visitor:
    """One visit, with all connections that it takes."""

    def __init__(self, reactor: Any, settings: RunnerSettings, job: ScriptJob) -> None:
        self._reactor = reactor
        self._settings = settings
        self._job = job
        self._connections: list[Connection] = []
        self.trust = _Trust(settings)

    async def visit(self) -> Visit:
        credentials = ProxyIdentity(self._reactor).credentials(self._job, self._settings)
        connection = await self._connect(credentials)
        said = await self._ask(connection)
        sessions = await self._count_sessions(connection)
        turned_away = await self._count_turned_away(credentials)
        return Visit(self._job, None, self.trust.is_new, said, sessions, turned_away)

    def leave(self) -> None:
        """Close everything."""
        for connection in self._connections:
            connection.abort("the visit is over")

    async def _connect(self, credentials: Credentials) -> Connection:
        settings, path = self._settings, self._settings.ssh_config
        route = SshConfig(path, settings.account).route(self._job.target) if path else Route(self._job.target)
        if route.hops:
            made = await connect_by_way(self._reactor, route, credentials, self.trust, self.trust, settings.deadlines)
        else:
            made = await connect(self._reactor, route.target, credentials, self.trust, settings.deadlines)
        self._connections.append(made)
        return made

    async def _ask(self, connection: Connection) -> dict[str, str]:
        job = self._job
        user = job.effective_user or job.target.user
        values = {"D": job.remote_working_dir, "U": user, "M": job.method}
        head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        session = await connection.execute("exec /bin/sh -s")
        session.write(head.encode() + _PROBE).addErrback(lambda failure: None)
        session.write_eof().addErrback(lambda failure: None)
        output = b""
        while len(output) < _MOST_OUTPUT and (piece := await session.stdout.read()):
            output += piece
        session.close()
        return {word.decode(): text.decode(errors="replace").strip() for word, text in _LINE.findall(output)}

    async def _count_sessions(self, connection: Connection) -> int:
        """Open as many as the service would, none of them doing anything, until the server refuses one."""
        opened: list[Session] = []
        try:
            for _ in range(self._settings.sessions_per_connection):
                opened.append(await connection.execute("exec cat"))
        except SessionRefused:
            pass
        for session in opened:
            session.close()
        return len(opened)

    async def _count_turned_away(self, credentials: Credentials) -> int:
        """Log in as often as the service would at the same time, and count the connections that are not taken."""
        more = [Deferred.fromCoroutine(self._try(credentials)) for _ in range(self._settings.connections_at_once - 1)]
        results = await DeferredList(more)
        return sum(not taken for _, taken in results)

    async def _try(self, credentials: Credentials) -> bool:
        try:
            await self._connect(credentials)
        except CancelledError:
            raise
        except HandshakeFailed as error:
            return not error.is_passing
        except SSHError:
            return True
        return True


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""
