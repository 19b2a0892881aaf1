"""Runs a script on a host: once, detached from the connection, whatever happens to us or to the network.

The script's output, exit status and process id are files on the host. A lost connection or a restart of this service
means that we connect again and go on reading where we stopped.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from smartdyn.actions.runner import EXCEPTION, Runner, RunnerContext
from smartdyn.aio import begin, deadline, shielded, sleep
from smartdyn.errors import DeadlineExceeded, InvalidRequest
from smartdyn.rex.failures import PROXY, JobFailed, no_status
from smartdyn.rex.hosts import UNREACHABLE, HostConnection, Hosts
from smartdyn.rex.job import ScriptJob, UnsupportedMethod
from smartdyn.rex.protocol import UnusableValue
from smartdyn.rex.remote import PREPARED, Ending, NotThere, RemoteScript
from smartdyn.ssh.errors import SSHError

KILLED_STATUS = 255
"""Exit status of a job that we stopped, as Foreman's users know it."""

_BACK_OFF = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_LAST_CLEANING = 2.0
"""Seconds that a host has to clean up when the service stops."""

_POWER_OFF_LIMIT = 30.0
"""Seconds for which a host that was told to restart or shut down is looked for; staying away is then what was asked."""


class _Vanished(Exception):
    """A job is not there (any more), as was to be expected.

    @param status: its exit status, therefore.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ScriptRunner(Runner):
    """One script on one host."""

    _log = Logger()

    def __init__(self, id: str, input: dict[str, Any], hosts: Hosts) -> None:
        super().__init__(id, input)
        self._hosts = hosts
        self._work: Deferred[int | str] | None = None
        self._remote: RemoteScript | None = None
        self._preparing: RemoteScript | None = None
        self._killing = False
        self._given_up = False
        self._overdue = False
        self._may_have_started = False
        self._powers_off = False
        self._timers: list[IDelayedCall] = []

    async def run(self, context: RunnerContext, *, resumed: bool) -> None:
        self._may_have_started = resumed
        self._work = begin(self._until_ended(context))
        try:
            status = await self._work
        except CancelledError:
            if not self._given_up:
                raise
            status = await self._stopped_early(context)
        except JobFailed as error:
            status = await self._could_not(context, error)
        finally:
            for timer in self._timers:
                if timer.active():
                    timer.cancel()
        await context.exit(status)
        if self._remote is not None:
            await self._finish(begin(self._clean_up(self._remote, self._remote.connection)))

    async def kill(self) -> None:
        """Ask the script to end, then make it end; give it up when even that does not help."""
        if not self._killing:
            self._killing = True
            limit = self._hosts.settings.kill_limit
            self._timers.append(self._hosts.reactor.callLater(limit, self._give_up))
        remote = self._remote or self._preparing
        if remote is not None:
            remote.kill("TERM")
            grace = self._hosts.settings.kill_grace
            self._timers.append(self._hosts.reactor.callLater(grace, self._force))
        elif not self._may_have_started:
            self._stop_work()

    async def _until_ended(self, context: RunnerContext) -> int | str:
        """The job's exit status.

        @raise JobFailed: there is none.
        """
        if self._killing and not self._may_have_started:
            return KILLED_STATUS
        if self._hosts.settings.refusal is not None and not self._may_have_started:
            raise JobFailed(self._hosts.settings.refusal)
        try:
            job = ScriptJob.from_input(self.input, self._hosts.settings)
        except UnsupportedMethod as error:
            raise JobFailed(str(error), PROXY) from error
        except InvalidRequest as error:
            raise JobFailed(str(error)) from error
        if job.first_execution and not self._may_have_started:
            try:
                self._hosts.forget(job)
            except SSHError as error:
                raise self._hosts.failure(job, error) from error
        return await self._follow_through(job, context)

    async def _follow_through(self, job: ScriptJob, context: RunnerContext) -> int | str:
        """Start the script, or find it again, and stay with it until it has ended, through broken connections."""
        away_since: float | None = None
        attempt = 0
        while True:
            try:
                return await self._attend(job, context)
            except SSHError as error:
                self._preparing = None
                if not self._is_worth_another_try(error, context):
                    raise self._hosts.failure(job, error) from error
                if self._remote is not None:
                    away_since, attempt = None, 0
                    self._powers_off = self._powers_off or self._remote.expects_power_off
                    self._remote = None
                limit = _POWER_OFF_LIMIT if self._powers_off else self._hosts.settings.reconnect_limit
                now = self._hosts.reactor.seconds()
                away_since = now if away_since is None else away_since
                if now - away_since >= limit:
                    if self._powers_off:
                        return 0
                    raise self._lost_for_good(job, error, limit) from error
                self._log.info("{error}; the job goes on, connecting again", error=error)
                self._hosts.meters.reconnects.inc()
                delay = _BACK_OFF[min(attempt, len(_BACK_OFF) - 1)] * (0.75 + self._hosts.random() / 2)
                attempt += 1
                times = f", {attempt} times" if attempt > 1 else ""
                context.note(f"{error}{times}. The script goes on there meanwhile.", retry_in=delay)
            await sleep(self._hosts.reactor, delay)

    def _is_worth_another_try(self, error: SSHError, context: RunnerContext) -> bool:
        """A script that runs is looked for whatever keeps us out: a host that boots turns away even the right key."""
        return context.begun or (self._may_have_started and isinstance(error, UNREACHABLE))

    async def _attend(self, job: ScriptJob, context: RunnerContext) -> int | str:
        """One connection's worth of a job."""
        connection: HostConnection | None = None
        host = job.target.host
        try:
            context.note(f"Other jobs are being started on {host}; this one waits for its turn.")
            on_host, among_all = self._hosts.turns(job)
            async with on_host, among_all:
                context.note(f"Connecting to {host} port {job.target.port}.")
                connection = await self._hosts.connect(job)
                context.note(f"Preparing the script on {host}.")
                remote = RemoteScript(self._hosts.reactor, connection, job, self.id)
                self._preparing = remote
                await self._begin(remote, job, context)
            ending = await self._stay_with(remote, context)
            if ending.reason == PREPARED and not ending.killed:
                await remote.start()
                ending = await self._stay_with(remote, context)
        except _Vanished as gone:
            await _close(connection)
            return gone.status
        except JobFailed:
            if self._remote is None:
                await _close(connection)
            raise
        except BaseException as error:
            if connection is not None:
                connection.abort(type(error).__name__)
            raise
        return self._status(ending, job)

    async def _begin(self, remote: RemoteScript, job: ScriptJob, context: RunnerContext) -> None:
        """Start the script or find it; one that cannot be started leaves nothing behind."""
        try:
            await self._find_or_start(remote, job, context)
        except JobFailed:
            if job.cleanup:
                await self._discard(remote)
            raise

    async def _find_or_start(self, remote: RemoteScript, job: ScriptJob, context: RunnerContext) -> None:
        """Start the script, unless it may have been started before: then look for it first."""
        if self._may_have_started:
            try:
                await remote.attach(context.offset)
                return
            except NotThere as error:
                if self._killing:
                    raise _Vanished(KILLED_STATUS) from error
                if self._powers_off:
                    raise _Vanished(0) from error
                if context.begun:
                    raise no_status("gone", job.target.host) from error
        self._may_have_started = True
        await remote.start()

    async def _stay_with(self, remote: RemoteScript, context: RunnerContext) -> Ending:
        self._remote, self._preparing = remote, None
        context.note(None)
        if not context.begun:
            context.begin()
        if self._killing:
            await self.kill()
        return await remote.follow(context)

    def _status(self, ending: Ending, job: ScriptJob) -> int | str:
        if ending.status is not None:
            return KILLED_STATUS if ending.killed else ending.status
        if ending.reason == "cancelled" or ending.killed:
            return KILLED_STATUS
        if self._powers_off or (self._remote is not None and self._remote.expects_power_off):
            return 0
        raise no_status(ending.reason, job.target.host)

    def _lost_for_good(self, job: ScriptJob, error: SSHError, limit: float) -> JobFailed:
        text = f"{job.target.host} was not reachable for {limit:g} s: {error}. The script may still be running there."
        return JobFailed(text, "Runner error")

    async def _could_not(self, context: RunnerContext, error: JobFailed) -> int | str:
        """The status of a job that failed; that one which was stopped did not get to run is no news."""
        if self._killing and self._remote is None:
            return KILLED_STATUS
        self._log.info("the job has no exit status: {reason}", reason=str(error).partition("\n")[0])
        await context.publish(str(error), "debug")
        return EXCEPTION

    async def _stopped_early(self, context: RunnerContext) -> int | str:
        """The status of a job that we no longer wait for."""
        prepared, self._preparing = self._preparing, None
        if not self._overdue and (prepared is None or await self._prevent(prepared)):
            return KILLED_STATUS
        limit = self._hosts.settings.kill_limit
        text = f"The job did not end within {limit:g} s after it was told to; it may still be running on the host."
        await context.publish(text, "debug")
        return EXCEPTION

    async def _prevent(self, prepared: RemoteScript) -> bool:
        """Make sure that a script which the host is slow to prepare is not run, or not for long.

        @return: False when that cannot be said.
        """
        limit = self._hosts.settings.kill_limit
        withdrawing = begin(self._withdraw(prepared))
        try:
            await deadline(self._hosts.reactor, limit, "stopping the script", withdrawing)
        except (SSHError, JobFailed, DeadlineExceeded) as error:
            self._log.warn("a job that was stopped may be running all the same: {error}", error=error)
            return False
        return True

    async def _withdraw(self, prepared: RemoteScript) -> None:
        connection = await self._hosts.connect(prepared.job)
        try:
            await RemoteScript(self._hosts.reactor, connection, prepared.job, self.id).withdraw()
        finally:
            await connection.close()

    def _force(self) -> None:
        if self._remote is not None:
            self._remote.kill("KILL")
        elif self._preparing is not None:
            self._stop_work()

    def _give_up(self) -> None:
        self._overdue = True
        self._stop_work()

    def _stop_work(self) -> None:
        if self._work is not None:
            self._given_up = True
            self._work.cancel()

    async def _discard(self, remote: RemoteScript) -> None:
        try:
            await remote.discard()
        except SSHError as error:
            self._log.warn("what was prepared for the job was not removed: {error}", error=error)

    async def _finish(self, cleaning: Deferred[None]) -> None:
        """Wait for the host to be cleaned up; a service that stops waits a moment, too.

        Its next life would know nothing of it.
        """
        try:
            await shielded(cleaning)
        except CancelledError:
            with suppress(DeadlineExceeded):
                await deadline(self._hosts.reactor, _LAST_CLEANING, "cleaning up", cleaning)
            raise

    async def _clean_up(self, remote: RemoteScript, connection: HostConnection) -> None:
        try:
            await remote.leave(sweep=self._hosts.sweep_is_due(remote.job))
        except UNREACHABLE as error:
            self._log.info("the job's directory was not removed: {error}", error=error)
        except (SSHError, UnusableValue) as error:
            self._log.warn("the job's directory was not removed: {error}", error=error)
        await connection.close()


async def _close(connection: HostConnection | None) -> None:
    if connection is not None:
        await connection.close()
