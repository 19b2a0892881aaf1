"""The contract between a job's action and the runner that does the work outside."""

from __future__ import annotations

import abc
from typing import Any, Protocol

from twisted.internet.defer import Deferred

EXCEPTION = "EXCEPTION"
"""Exit status of a job that failed on this side (Foreman shows it as such; anything but 0 is a failure to it)."""


class RunnerContext(Protocol):
    """What a runner may do with the job it works for."""

    def publish(
        self,
        text: str,
        type: str = "stdout",
        *,
        timestamp: float | None = None,
        external_id: str | None = None,
        offset: int | None = None,
    ) -> Deferred[None]:
        """Append to the job's output; fires when it is committed.

        A runner that reads from a fast source waits for this before it reads on: that is the back-pressure. Order is
        kept without waiting.

        @param type: C{stdout}, C{stderr} or C{debug}.
        @param timestamp: seconds since the epoch; now when absent. Never runs backwards within a job: an earlier one
            is raised to the last one given.
        @param external_id: a stable name of this chunk, for sources that number their events.
        @param offset: how far into the source's byte stream the output is complete with this chunk, for a runner that
            continues there after a restart.
        """

    def exit(self, status: int | str, *, timestamp: float | None = None) -> Deferred[None]:
        """The job has ended; fires when that is committed, with all output published before it.

        Whatever a restarted service would need to find out how the job ended (a directory on the host, say) may be
        removed only after this has fired. Only the first call counts.
        """

    @property
    def offset(self) -> int:
        """The largest C{offset} that is committed, 0 when none is."""

    def note(self, text: str | None, *, retry_in: float | None = None) -> None:
        """Say what the job is waiting for, for people who look at it now; it is stored nowhere.

        @param text: a sentence; None when it is not waiting.
        @param retry_in: seconds after which it is tried again.
        """

    def begin(self) -> Deferred[None]:
        """The work outside has begun: after a restart it must not be begun again. Fires when that is durable."""

    @property
    def begun(self) -> bool:
        """L{begin} was called, in this life of the service or an earlier one."""

    @property
    def cancelled(self) -> bool:
        """Somebody asked for this job to be cancelled, in this life of the service or an earlier one."""


class GroupContext(RunnerContext, Protocol):
    """What a runner may do that works for many hosts at once.

    L{publish} and L{exit} are about the work as a whole: nobody but the console shows the former, and the latter also
    ends the jobs of all hosts that have not ended by themselves.
    """

    def targets(self) -> list[str]:
        """The names of the hosts whose jobs have not ended."""

    def target_offset(self, target: str) -> int:
        """The largest C{offset} that is committed of one host's output."""

    def publish_for(
        self,
        target: str,
        text: str,
        type: str = "stdout",
        *,
        timestamp: float | None = None,
        external_id: str | None = None,
        offset: int | None = None,
    ) -> Deferred[None]:
        """Append to the output of one host; see L{publish}."""

    def broadcast(self, text: str, type: str = "stdout", *, timestamp: float | None = None) -> Deferred[None]:
        """Append to the output of all hosts whose jobs have not ended."""

    def exit_for(self, target: str, status: int | str, *, timestamp: float | None = None) -> Deferred[None]:
        """The job of one host has ended; see L{exit}."""


class Runner(abc.ABC):
    """Does the work of one job and tells its context what happens.

    Push based: nobody polls a runner. L{run} is a coroutine that lives as long as the job; when it raises, the job ends
    with the error as a debug chunk and the exit status L{EXCEPTION}; when it returns without C{context.exit}, likewise.
    """

    def __init__(self, id: str, input: dict[str, Any]) -> None:
        """
        @param id: a UUID, also after a restart of the service: what was left on a host is found by it.
        @param input: the action's input, with secrets as L{smartdyn.secret.Secret}.
        """
        self.id = id
        self.input = input

    @abc.abstractmethod
    async def run(self, context: Any, *, resumed: bool) -> None:
        """Do the job until it has ended, then call C{context.exit}, wait for it, and clean up.

        @param context: a L{RunnerContext}, or a L{GroupContext} when it works for many hosts.
        @param resumed: the service was restarted since this job was started; the work may be under way, be done, or
            never have begun. It must not be done twice.
        """

    @abc.abstractmethod
    async def kill(self) -> None:
        """Stop the job. May be called at any time, also before L{run} got anywhere, and again.

        L{run} is what ends the job and says how; this only sets that in motion.
        """

    async def timeout(self, context: RunnerContext) -> None:
        """The job's time is up (C{execution_timeout_interval})."""
        await context.publish("Timeout for execution passed, trying to stop the job", "debug")
        await self.kill()

    async def external_event(self, context: RunnerContext, data: dict[str, Any]) -> None:
        """Somebody posted C{data} to the job's C{update} or C{done} route."""
        del context, data
